package live

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtptest"
)

// memory returns a server without sockets, and what reaches it under the eyes of
// r.
func memory(t testing.TB, r *Registry, c smtptest.Config) (*smtptest.Server, session.Config) {
	t.Helper()
	srv := smtptest.NewMemoryServer(c)
	t.Cleanup(func() { _ = srv.Close() })
	return srv, session.Config{HostAddress: srv.Host(), RemotePort: srv.Port(), Dialer: srv, LocalName: "client.test",
		Options: session.Extended, TLS: &tls.Config{RootCAs: srv.Roots()}, Retry: session.Retry{MaxAttempts: 1}, Hooks: []events.Hook{r}}
}

// newSession makes a session that ends with the test.
func newSession(t testing.TB, c session.Config) *session.Session {
	t.Helper()
	s, err := session.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		<-s.Done()
	})
	return s
}

// linked makes a session and connects it.
func linked(t testing.TB, c session.Config) *session.Session {
	t.Helper()
	s := newSession(t, c)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// within waits for c, for as long as a loaded machine may need.
func within(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	timer := time.NewTimer(20 * time.Second)
	defer timer.Stop()
	select {
	case <-c:
	case <-timer.C:
		t.Fatalf("%s: not within 20 s", what)
	}
}

// ask asks h for target.
func ask(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "http://localhost:6060"+target, nil))
	return w
}

// post posts a form to h.
func post(h http.Handler, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:6060/debug/smtp/abort", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// tokenOf returns the token in a page.
func tokenOf(t testing.TB, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no token in %s", page)
	}
	return m[1]
}

// idle is the handle of a session that there is not.
func idle(id uint64, s events.Snapshot) events.Handle {
	s.ID = id
	return events.Handle{ID: id, Snapshot: func() events.Snapshot { return s }, Close: func() error { return nil }}
}
