package live

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
)

// Literals and localhost are always good, other names only if they are known.
func TestPage_AnswersTo(t *testing.T) {
	known := Page{Hosts: []string{"ops.Example.org", "relay-7.", ""}}
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:9025": true, "192.0.2.1:80": true, "[::1]": true, "[::1]:9025": true, "[2001:db8::1]": true,
		"localhost": true, "localhost:9025": true, "LocalHost.": true, "relay.localhost:80": true,
		"ops.example.org": true, "OPS.EXAMPLE.ORG:443": true, "ops.example.org.": true, "relay-7:80": true,
		"attacker.example": false, "attacker.example:9025": false, "localhost.attacker.example": false, "notlocalhost": false,
		"127.0.0.1.attacker.example": false, "x.ops.example.org": false, "127.1": false, "0x7f000001": false, "": false, ":80": false, ".": false,
	} {
		if got := known.answersTo(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
		if !(Page{Hosts: []string{"*"}}).answersTo(host) {
			t.Errorf("%q is not among all", host)
		}
	}
	if (Page{}).answersTo("ops.example.org") {
		t.Error("a name that nobody gave is good")
	}
}

// A name that was made to point here (DNS rebinding) gets nothing of the page, not
// even with a token.
func TestPage_ARebindingNameGetsNothing(t *testing.T) {
	var r Registry
	closed := false
	handle := idle(7, events.Snapshot{State: fsm.Mail})
	handle.Close = func() error { closed = true; return nil }
	r.LifeStart(t.Context(), handle)
	by := func(h http.Handler, host, method, path string) *httptest.ResponseRecorder {
		form := url.Values{"id": {"7"}, "token": {r.token.String()}}
		q := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		q.Host = host
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		return w
	}
	h := r.Handler(Page{Hosts: []string{"ops.example.org"}})
	for path, method := range map[string]string{"/": "GET", "/events": "HEAD", "/live.js": "GET", "/abort": "POST", "/nothing": "GET"} {
		w := by(h, "attacker.example:6060", method, path)
		if w.Code != http.StatusMisdirectedRequest || !strings.Contains(w.Body.String(), "Page.Hosts") || strings.Contains(w.Body.String(), r.token.String()) ||
			w.Header().Get("Content-Security-Policy") == "" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
	}
	if closed {
		t.Fatal("a session was aborted")
	}
	if w := by(h, "ops.example.org", "GET", "/"); w.Code != http.StatusOK {
		t.Error(w.Code)
	}
	if w := by(h, "ops.example.org", "POST", "/abort"); w.Code != http.StatusSeeOther || !closed {
		t.Error(w.Code, closed)
	}
}

// What stands beside the page is guarded in the same way.
func TestPage_Guard(t *testing.T) {
	h := Page{Hosts: []string{"ops.example.org"}}.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret") }))
	for host, want := range map[string]int{"ops.example.org": 200, "[::1]:80": 200, "attacker.example": 421} {
		q := httptest.NewRequest("GET", "/metrics", nil)
		q.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, q); w.Code != want || (w.Body.String() == "secret") != (want == 200) {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
	}
}
