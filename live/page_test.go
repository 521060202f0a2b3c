package live

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtptest"
)

func mounted(h http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/debug/smtp/", h)
	return mux
}

func TestPage_ShowsSessionsCountsTimesAndErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		_, c := memory(t, &r, smtptest.Config{Mode: smtptest.StartTLS, Latency: 30 * time.Millisecond, On: map[string]smtptest.Step{"NOOP": smtptest.Say("500 what is <that>?")}})
		mux := mounted(r.Handler(Page{Title: "relay <7>"}))
		if page := ask(mux, "GET", "/debug/smtp/").Body.String(); !strings.Contains(page, "No session is alive") || !strings.Contains(page, "None yet") {
			t.Error(page)
		}
		s := linked(t, c)
		_ = s.Noop(t.Context())
		time.AfterFunc(3*time.Second, func() { _ = s.Close() })
		timer := time.NewTimer(2 * time.Second)
		<-timer.C
		w := ask(mux, "GET", "/debug/smtp/")
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Error(w.Code, w.Header())
		}
		page := w.Body.String()
		for _, want := range []string{
			"<title>relay &lt;7&gt;</title>", "<b>1</b> live", "<b>1</b> ready", fmt.Sprintf(`<td class="n">%d</td>`, s.ID()), ">2 s<", "192.0.2.25:25",
			"500 what is &lt;that&gt;?", "OnCommand", "<svg ", `20 ms to 50 ms: 1`, "half within",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("no %q in %s", want, page)
			}
		}
		<-s.Done()
	})
}

// H8 in HTML: whatever a server said is text.
func TestPage_H8_HostileTextStaysText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, hostile := range []string{
			`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><b onmouseover=alert(1)>`, `'><svg/onload=alert(1)>`,
			`</td></table></main><script>alert(1)</script>`, "{{.Token}}", "<!--", "]]>", "a\x00\x1b[31m\u202eb", "\xff\xfe<script>", "&lt;script&gt;",
			"</title><script>", "javascript:alert(1)", strings.Repeat("<", 400),
		} {
			var r Registry
			_, c := memory(t, &r, smtptest.Config{On: map[string]smtptest.Step{
				"EHLO": smtptest.SayRaw("250 " + hostile + "\r\n"), "NOOP": smtptest.SayRaw("550 " + hostile + "\r\n"),
			}})
			s := newSession(t, c)
			_ = s.Connect(t.Context())
			_ = s.Noop(t.Context())
			r.LifeStart(t.Context(), idle(1<<40, events.Snapshot{State: fsm.Ready, Host: hostile, Remote: hostile}))
			h := r.Handler(Page{})
			page := ask(h, "GET", "/").Body.String()
			for _, tag := range []string{"<script>", "<img", "<b o", "<svg/", "<!--", "\x00", "\x1b", "\u202e", "\xff", "<<"} {
				if strings.Contains(page, tag) {
					t.Errorf("%q is in the page of %q", tag, hostile)
				}
			}
			if n := strings.Count(page, "<script"); n != 1 { // the page's own
				t.Errorf("%d scripts in the page of %q", n, hostile)
			}
			if n := strings.Count(page, "</table>"); n < 1 || n != strings.Count(page, "<table") {
				t.Errorf("%d tables end in the page of %q", n, hostile)
			}
			_ = s.Close()
			<-s.Done()
		}
	})
}

func TestPage_LetsNothingElseIn(t *testing.T) {
	var r Registry
	h := r.Handler(Page{})
	for _, target := range []string{"/", "/live.css", "/live.js", "/nothing", "/abort"} {
		got := ask(h, "GET", target).Header()
		csp := got.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: %q", target, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", target, got)
		}
	}
	for target, want := range map[string]string{"/live.css": "text/css; charset=utf-8", "/live.js": "text/javascript; charset=utf-8"} {
		if w := ask(h, "GET", target); w.Code != http.StatusOK || w.Header().Get("Content-Type") != want || w.Body.Len() < 500 {
			t.Errorf("%s: %d %v", target, w.Code, w.Header())
		}
	}
	page := ask(h, "GET", "/").Body.String()
	for _, inline := range []string{"style=", "<style", "onclick", "javascript:", "http://", "https://"} {
		if strings.Contains(page, inline) {
			t.Errorf("%q in the page", inline)
		}
	}
}

func TestPage_OtherMethodsAre405(t *testing.T) {
	var r Registry
	mux := mounted(r.Handler(Page{}))
	for target, allow := range map[string]string{"": "GET, HEAD", "events": "GET, HEAD", "live.css": "GET, HEAD", "live.js": "GET, HEAD", "abort": "POST"} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			if strings.Contains(allow, method) {
				continue
			}
			w := ask(mux, method, "/debug/smtp/"+target)
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != allow {
				t.Errorf("%s %q: %d, Allow %q", method, target, w.Code, w.Header().Get("Allow"))
			}
		}
	}
	if w := ask(mux, "HEAD", "/debug/smtp/"); w.Code != http.StatusOK {
		t.Error(w.Code)
	}
	if w := ask(mux, "GET", "/debug/smtp/etc/passwd"); w.Code != http.StatusNotFound {
		t.Error(w.Code)
	}
	if w := ask(mux, "GET", "/debug/smtp"); w.Code/100 != 3 || w.Header().Get("Location") != "/debug/smtp/" {
		t.Error(w.Code, w.Header())
	}
}

func TestPage_LongListsAreCutAndSaySo(t *testing.T) {
	var r Registry
	for id := range uint64(5000) {
		state := fsm.Ready
		if id%1000 == 999 {
			state = fsm.Mail
		}
		r.LifeStart(t.Context(), idle(id, events.Snapshot{State: state}))
	}
	h := r.Handler(Page{Rows: 50})
	page := ask(h, "GET", "/").Body.String()
	if n := strings.Count(page, `name="id"`); n != 50 {
		t.Errorf("%d rows", n)
	}
	for _, want := range []string{"4950 more are not listed", "<b>5000</b> live", "<b>4995</b> ready", "<b>5</b> mail"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	page = ask(h, "GET", "/?state=mail").Body.String()
	if n := strings.Count(page, `name="id"`); n != 5 || strings.Contains(page, "not listed") || !strings.Contains(page, `value="999"`) {
		t.Errorf("%d rows in %s", n, page)
	}
	if page := ask(h, "GET", "/?state=quit").Body.String(); !strings.Contains(page, "No session is in quit") {
		t.Error(page)
	}
	if w := ask(h, "GET", "/?state=<nowhere>"); w.Code != http.StatusBadRequest {
		t.Error(w.Code)
	}
}

func TestPage_AbortsOnlyWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r, other Registry
		_, c := memory(t, &r, smtptest.Config{})
		s := linked(t, c)
		h := r.Handler(Page{})
		token := tokenOf(t, ask(h, "GET", "/").Body.String())
		id := fmt.Sprint(s.ID())
		for name, w := range map[string]*httptest.ResponseRecorder{
			"none":           post(h, url.Values{"id": {id}}),
			"empty":          post(h, url.Values{"id": {id}, "token": {""}}),
			"wrong":          post(h, url.Values{"id": {id}, "token": {token + "A"}}),
			"another's":      post(h, url.Values{"id": {id}, "token": {other.token.String()}}),
			"in the query":   ask(h, "POST", "/abort?token="+token+"&id="+id),
			"without an id":  post(h, url.Values{"token": {token}}),
			"with a bad one": post(h, url.Values{"token": {token}, "id": {"-1"}}),
			"too long":       post(h, url.Values{"token": {token}, "id": {id}, "more": {strings.Repeat("x", 8192)}}),
		} {
			if w.Code != http.StatusForbidden && w.Code != http.StatusBadRequest {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		if w := ask(h, "GET", "/abort?token="+token+"&id="+id); w.Code != http.StatusMethodNotAllowed {
			t.Error(w.Code)
		}
		if s.State() != fsm.Ready {
			t.Fatal("aborted without the token")
		}
		w := post(h, url.Values{"id": {id}, "token": {token}, "state": {"ready"}})
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "./?state=ready" {
			t.Error(w.Code, w.Header())
		}
		within(t, s.Done(), "the end")
		if w := post(h, url.Values{"id": {id}, "token": {token}}); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "./" { // gone is gone
			t.Error(w.Code, w.Header())
		}
		if strings.Contains(ask(h, "GET", "/").Body.String(), `value="`+id+`"`) {
			t.Error("still listed")
		}
	})
}

func TestPage_ASessionThatIsBeingAbortedHasNoButton(t *testing.T) {
	var r Registry
	r.LifeStart(t.Context(), idle(7, events.Snapshot{State: fsm.Mail}))
	h := r.Handler(Page{})
	token := tokenOf(t, ask(h, "GET", "/").Body.String())
	post(h, url.Values{"id": {"7"}, "token": {token}})
	if page := ask(h, "GET", "/").Body.String(); !strings.Contains(page, "aborting") || strings.Contains(page, `name="id"`) {
		t.Error(page)
	}
}

func TestPage_ReadOnlyAbortsNothing(t *testing.T) {
	var r Registry
	r.LifeStart(t.Context(), idle(7, events.Snapshot{State: fsm.Mail}))
	h := r.Handler(Page{ReadOnly: true})
	page := ask(h, "GET", "/").Body.String()
	if strings.Contains(page, "<form") || strings.Contains(page, "<button") || strings.Contains(page, r.token.String()) || !strings.Contains(page, "mail") {
		t.Error(page)
	}
	if w := post(h, url.Values{"id": {"7"}, "token": {r.token.String()}}); w.Code != http.StatusNotFound {
		t.Error(w.Code)
	}
}
