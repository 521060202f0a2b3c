package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ehlo-go/ehlo/live"
)

// The page at / leads to the others, which are there, and nothing else is.
func TestRoutes(t *testing.T) {
	h := routes("127.0.0.1:9025", "", new(live.Registry), prometheus.NewRegistry())
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9025"+path, nil))
		return w
	}
	index := ask("/").Body.String()
	links := regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(index, -1)
	for _, l := range links {
		if w := ask(l[1]); w.Code != http.StatusOK {
			t.Errorf("%s: %d", l[1], w.Code)
		}
	}
	if len(links) != 2 || !strings.Contains(index, "targets: ['127.0.0.1:9025']") || !strings.Contains(index, endpointKey+" is not set") {
		t.Errorf("the index is %s", index)
	}
	if w := ask("/nothing"); w.Code != http.StatusNotFound {
		t.Errorf("/nothing: %d", w.Code)
	}
}

// The file that is in the checkout says what the page says.
func TestIndex_HasTheLinesOfTheFile(t *testing.T) {
	file, err := os.ReadFile("prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, lines, _ := strings.Cut(string(file), "\nscrape_configs:")
	w := httptest.NewRecorder()
	routes(defaultListen, "", new(live.Registry), prometheus.NewRegistry()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://"+defaultListen+"/", nil))
	if lines == "" || !strings.Contains(w.Body.String(), "\nscrape_configs:"+lines) {
		t.Errorf("the page does not have the lines%s", lines)
	}
}

// A name of somebody else's that leads here is turned away, from every page.
func TestRoutes_AreForThisMachinesNames(t *testing.T) {
	h := routes("127.0.0.1:9025", "", new(live.Registry), prometheus.NewRegistry())
	for host, want := range map[string]int{
		"127.0.0.1:9025": 200, "localhost:9025": 200, "[::1]:9025": 200, "127.0.0.1": 200,
		"attacker.example:9025": 421, "attacker.example": 421, "localhost.attacker.example": 421, "": 421,
	} {
		for _, path := range []string{"/", "/metrics", "/debug/smtp/"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != want {
				t.Errorf("%s at %q: %d, want %d", path, host, w.Code, want)
			}
		}
	}
}

// An operator aborts a session on the page; another takes its place.
func TestWatch_AnAbortedSessionIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	set := quick(t, newLedger())
	set.sessions, set.messages, set.faults = 1, 0, 0
	w := opened(t, set)
	stop, ended := begin(t, w)
	var page string
	until(t, "a ready session", func() bool {
		page = get(t, w, "/debug/smtp/?state=ready", "text/html")
		return strings.Contains(page, `name="id"`)
	})
	form := url.Values{}
	for _, name := range []string{"id", "token"} {
		form.Set(name, regexp.MustCompile(`name="` + name + `" value="([^"]+)"`).FindStringSubmatch(page)[1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	answer, err := client.PostForm("http://"+w.web.addr+"/debug/smtp/abort", form)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	_ = answer.Body.Close()
	before := w.tally.messages()
	until(t, "a message of the next session", func() bool { return w.tally.messages() > before })
	stop()
	<-ended
	for _, err := range w.close(t.Context()) {
		t.Error(err)
	}
}

// Without its pages the program ends and says why.
func TestWatch_EndsWhenThePagesAreGone(t *testing.T) {
	t.Parallel()
	set := quick(t, newLedger())
	set.messages = 0
	w := opened(t, set)
	stop, ended := begin(t, w)
	defer stop()
	until(t, "work", func() bool { return w.tally.messages() > 0 })
	_ = w.web.ln.Close() // as a fault of the network would
	until(t, "the end of the work", func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	if failed := w.close(t.Context()); len(failed) != 1 || !strings.Contains(failed[0].Error(), "the pages: ") {
		t.Errorf("%v", failed)
	}
}

// Who has the live page open does not keep the program from ending.
func TestWeb_CloseEndsTheStreams(t *testing.T) {
	t.Parallel()
	w := opened(t, quick(t, newLedger()))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	answer, err := client.Get("http://" + w.web.addr + "/debug/smtp/events")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	defer answer.Body.Close()
	began := time.Now()
	for _, err := range w.close(t.Context()) {
		t.Error(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("closed after %v", took)
	}
	if _, err := io.ReadAll(answer.Body); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
}
