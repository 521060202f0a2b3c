package ehlo_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// A server is one of those that the suite of session_test.go runs against. It
// listens on 127.0.0.1.
type server struct {
	name     string // in its certificate
	plain    int    // port that greets in clear and offers STARTTLS
	implicit int    // port that begins with a TLS handshake
	roots    *x509.CertPool
	// quits returns how often QUIT was heard so far: from the client at that
	// address, or from all where the server cannot tell.
	quits func(client string) int
}

// servers starts each server for the test; the real one may skip it.
func servers() map[string]func(testing.TB) server {
	return map[string]func(testing.TB) server{
		"smtptest": scriptedServer,
		"go-smtp":  goSMTPServer,
		"postfix":  postfixServer,
	}
}

// config returns what a session needs to be ready on the server with options,
// at the port that goes with them. A failure is not tried again.
func (v server) config(options session.Options) session.Config {
	c := session.Config{
		HostAddress: "127.0.0.1", HostName: v.name, RemotePort: v.plain,
		Options: options, Timeout: 20 * time.Second, LocalName: "client.example",
		TLS:   &tls.Config{RootCAs: v.roots},
		Retry: session.Retry{MaxAttempts: 1},
	}
	if options.Has(session.SecureImplicit) {
		c.RemotePort = v.implicit
	}
	return c
}

const testName = "mx.ehlo.test"

// certificate returns a certificate for testName alone, and who vouches for it.
func certificate(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	authority, err := smtptest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate(smtptest.CertOptions{Names: []string{testName}})
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, authority.Pool()
}

func scriptedServer(t testing.TB) server {
	t.Helper()
	config, roots := certificate(t)
	start := func(mode smtptest.TLSMode) *smtptest.Server {
		srv, err := smtptest.NewServer(smtptest.Config{Name: testName, Mode: mode, TLS: config})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = srv.Close() })
		return srv
	}
	clear, wrapped := start(smtptest.StartTLS), start(smtptest.Implicit)
	quits := func(string) (n int) {
		for _, srv := range []*smtptest.Server{clear, wrapped} {
			for _, line := range srv.Commands() {
				if line == "QUIT" {
					n++
				}
			}
		}
		return n
	}
	return server{name: testName, plain: clear.Port(), implicit: wrapped.Port(), roots: roots, quits: quits}
}

// goSMTPServer is emersion/go-smtp's, one server with two listeners.
func goSMTPServer(t testing.TB) server { return goSMTP(t, refusing{}) }

// goSMTP is the same with a backend of one's own.
func goSMTP(t testing.TB, backend gosmtp.Session) server {
	t.Helper()
	config, roots := certificate(t)
	var said transcript
	srv := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return backend, nil }))
	srv.Domain, srv.TLSConfig, srv.Debug = testName, config, &said
	srv.ErrorLog = log.New(io.Discard, "", 0) // it tells each handshake that the client refuses
	var (
		serving   sync.WaitGroup
		listeners []net.Listener
	)
	port := func(wrap bool) int {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		number := ln.Addr().(*net.TCPAddr).Port
		if wrap {
			ln = tls.NewListener(ln, config)
		}
		listeners = append(listeners, ln)
		serving.Go(func() { _ = srv.Serve(ln) })
		return number
	}
	v := server{name: testName, plain: port(false), implicit: port(true), roots: roots}
	v.quits = func(string) int { return said.count("QUIT\r\n") }
	t.Cleanup(func() {
		for _, ln := range listeners {
			ln.Close()
		}
		serving.Wait()
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		if err := srv.Shutdown(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("go-smtp still has connections: %v", err)
		}
	})
	return v
}

// refusing is the backend of a server that takes no mail.
type refusing struct{}

func (refusing) Reset()                                 {}
func (refusing) Logout() error                          { return nil }
func (refusing) Mail(string, *gosmtp.MailOptions) error { return gosmtp.ErrAuthRequired }
func (refusing) Rcpt(string, *gosmtp.RcptOptions) error { return gosmtp.ErrAuthRequired }
func (refusing) Data(io.Reader) error                   { return gosmtp.ErrAuthRequired }

// transcript keeps what is written to it, from any goroutine.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *transcript) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *transcript) count(s string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.text.String(), s)
}

// postfixServer is a real Postfix, which logs the clients' ports.
func postfixServer(t testing.TB) server {
	t.Helper()
	p := startPostfix(t, "smtpd_client_port_logging = yes")
	return server{name: p.Name, plain: p.Plain, implicit: p.Implicit, roots: p.Roots, quits: p.quits}
}

// quits returns how often the client at an address said QUIT, by the log's
// "disconnect from unknown[127.0.0.1]:40000 ehlo=1 quit=1 commands=2".
func (p *postfix) quits(client string) (n int) {
	host, port, err := net.SplitHostPort(client)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(p.Log()) {
		if strings.Contains(line, "disconnect from ") && strings.Contains(line, "["+host+"]:"+port+" ") && strings.Contains(line, " quit=1") {
			n++
		}
	}
	return n
}

// Postfix ends a session that rests for longer than smtpd_timeout.
func TestPostfix_ClosesIdleSessions(t *testing.T) {
	p := startPostfix(t, "smtpd_timeout = 1s")
	v := server{name: p.Name, plain: p.Plain, implicit: p.Implicit, roots: p.Roots}
	var resting sync.WaitGroup
	for _, m := range modes() {
		s := newSession(t, v.config(m.options))
		evs := record(t, s)
		if err := s.Connect(patience(t)); err != nil {
			t.Fatal(err)
		}
		resting.Go(func() {
			all := evs()
			if got, want := story(all), "idle "+m.life+" closed OnDisconnect"; got != want {
				t.Errorf("%s: events\n%s\nwant\n%s", m.name, got, want)
				return
			}
			e := all[len(all)-1].(events.OnDisconnect)
			var lost *smtp.Error
			if !errors.As(e.Err, &lost) || lost.Phase != "ready" || e.Reason != events.Remote || e.Reply.Code != 421 || smtp.Code(e.Err) != 421 {
				t.Errorf("%s: disconnected by %v, %v: %v", m.name, e.Reason, e.Reply, e.Err)
			}
			<-s.Done()
			if s.Err() != e.Err || !errors.Is(s.Noop(patience(t)), smtp.ErrNotConnected) {
				t.Errorf("%s: Err: %v", m.name, s.Err())
			}
		})
	}
	resting.Wait()
}

// Postfix greets a client that it does not want with 554 and waits for QUIT, or
// with 421 and hangs up.
func TestPostfix_RefusesAtTheGreeting(t *testing.T) {
	p := startPostfix(t, "smtpd_client_port_logging = yes", "smtpd_delay_reject = no",
		"smtpd_client_restrictions = check_client_access inline:{{127.0.0.2 = REJECT}, {127.0.0.3 = 421 4.3.2 not now}}")
	v := server{name: p.Name, plain: p.Plain, implicit: p.Implicit, roots: p.Roots, quits: p.quits}
	for _, c := range []struct {
		from      string
		code      int
		permanent bool
		reason    events.Reason
		quits     bool
	}{
		{"127.0.0.2", 554, true, events.Local, true},
		{"127.0.0.3", 421, false, events.Remote, false},
	} {
		for _, m := range modes() {
			t.Run(c.from+" "+m.name, func(t *testing.T) {
				config := v.config(m.options)
				config.Dialer = &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.from)}}
				s := newSession(t, config)
				evs := record(t, s)
				begun := time.Now()
				err := s.Connect(patience(t))
				if took := time.Since(begun); took > 4*time.Second { // QUIT's 5 s, were it waited for
					t.Errorf("it took %v", took)
				}
				var e *smtp.Error
				if !errors.As(err, &e) || e.Kind != smtp.KindReply || e.Phase != "greeting" || smtp.Code(err) != c.code || e.Permanent != c.permanent {
					t.Fatalf("%v", err)
				}
				all := evs()
				until, _, _ := strings.Cut(m.life, " OnGreeting")
				checkLife(t, s, all, "idle "+until+" closed OnDisconnect OnError")
				if e := all[len(all)-2].(events.OnDisconnect); e.Reason != c.reason || e.Reply.Code != c.code {
					t.Errorf("disconnected by %v, %v", e.Reason, e.Reply)
				}
				if c.quits {
					heardQuit(t, v, dialedFrom(all), 0)
				}
			})
		}
	}
}
