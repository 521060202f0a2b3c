package session

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// A place is where a server answers, and so may answer wrongly.
type place struct {
	name     string
	phase    fsm.State // the Phase of the error
	moment   string    // of smtptest.Config.On
	mode     smtptest.TLSMode
	options  Options
	limit    time.Duration                         // of silence there (smtp.TimeoutTable)
	reply    string                                // a right one, of several lines where they may be
	once     bool                                  // the first time is well, the second is the fault
	helo     bool                                  // EHLO is refused before
	ask      func(context.Context, *Session) error // a request of a session that is ready
	verb     string                                // of the error; "": the moment
	chunking bool
	later    bool // the answer to AUTH's response, and not to AUTH
}

// command is what the error names.
func (p place) command() string {
	if p.verb != "" {
		return p.verb
	}
	return p.moment
}

// asks reports whether the fault meets a request of a session that is ready.
func (p place) asks() bool { return p.ask != nil }

func (p place) isQuit() bool { return p.moment == "QUIT" }

// places are all of them, up to the end of a session.
func places() []place {
	const (
		greeting = "220-smtptest.test ESMTP\r\n220 welcome\r\n"
		hello    = "250-smtptest.test\r\n250-STARTTLS\r\n250 SIZE 9\r\n"
	)
	return []place{
		{name: "greeting", phase: fsm.Greeting, moment: "GREETING", options: Extended, limit: 5 * time.Minute, reply: greeting},
		{name: "greeting within TLS", phase: fsm.Greeting, moment: "GREETING", mode: smtptest.Implicit, options: Extended | SecureImplicit, limit: 5 * time.Minute, reply: greeting},
		{name: "EHLO", phase: fsm.Ehlo, moment: "EHLO", options: Extended, limit: 5 * time.Minute, reply: hello},
		{name: "HELO", phase: fsm.Ehlo, moment: "HELO", limit: 5 * time.Minute, reply: "250-smtptest.test\r\n250 hello\r\n"},
		{name: "HELO after EHLO", phase: fsm.Ehlo, moment: "HELO", options: Extended, limit: 5 * time.Minute, reply: "250 smtptest.test\r\n", helo: true},
		{name: "EHLO before STARTTLS", phase: fsm.Ehlo, moment: "EHLO", mode: smtptest.StartTLS, options: SecureExplicit, limit: 5 * time.Minute, reply: hello},
		{name: "STARTTLS", phase: fsm.StartTLS, moment: "STARTTLS", mode: smtptest.StartTLS, options: SecureExplicit, limit: 2 * time.Minute, reply: "220-2.0.0 ready\r\n220 go\r\n"},
		{name: "EHLO after STARTTLS", phase: fsm.Ehlo, moment: "EHLO", mode: smtptest.StartTLS, options: SecureExplicit, limit: 5 * time.Minute, reply: hello, once: true},
		{name: "NOOP", phase: fsm.Ready, moment: "NOOP", ask: noop, options: Extended, limit: 5 * time.Minute, reply: "250-2.0.0 here\r\n250 2.0.0 still\r\n"},
		{name: "NOOP within TLS", phase: fsm.Ready, moment: "NOOP", ask: noop, mode: smtptest.Implicit, options: SecureImplicit, limit: 5 * time.Minute, reply: "250 here\r\n"},
		{name: "AUTH", phase: fsm.Auth, moment: "AUTH", ask: logIn("PLAIN"), mode: smtptest.Implicit, options: SecureImplicit | Extended, limit: 5 * time.Minute, reply: "235-2.7.0 well\r\n235 2.7.0 done\r\n"},
		{name: "response of AUTH", phase: fsm.Auth, moment: "AUTH", ask: logIn("LOGIN"), later: true, mode: smtptest.StartTLS, options: SecureExplicit | Extended, limit: 5 * time.Minute, reply: "235 done\r\n"},
		{name: "MAIL", phase: fsm.Mail, moment: "MAIL", ask: sendLetter, options: Extended, limit: 5 * time.Minute, reply: "250-2.1.0 sender\r\n250 2.1.0 ok\r\n"},
		{name: "RCPT", phase: fsm.Mail, moment: "RCPT", ask: sendLetter, mode: smtptest.Implicit, options: SecureImplicit | Extended, limit: 5 * time.Minute, reply: "250-2.1.5 recipient\r\n250 2.1.5 ok\r\n"},
		{name: "DATA", phase: fsm.Mail, moment: "DATA", ask: sendLetter, options: Extended, limit: 2 * time.Minute, reply: "354-go\r\n354 on\r\n"},
		{name: "final dot", phase: fsm.Mail, moment: "CONTENT", verb: ".", ask: sendLetter, options: Extended, limit: 10 * time.Minute, reply: "250-2.0.0 got\r\n250 2.0.0 it\r\n"},
		{name: "BDAT LAST", phase: fsm.Mail, moment: "CONTENT", verb: "BDAT", ask: sendLetter, chunking: true, mode: smtptest.StartTLS, options: SecureExplicit | Extended, limit: 10 * time.Minute, reply: "250-2.0.0 got\r\n250 2.0.0 it\r\n"},
		{name: "QUIT", phase: fsm.Quit, moment: "QUIT", options: Extended, limit: 5 * time.Second, reply: "221-2.0.0 good\r\n221 2.0.0 bye\r\n"},
	}
}

// sendLetter sends what SIZE 9 lets pass.
func sendLetter(ctx context.Context, s *Session) error {
	_, err := s.Send(ctx, &smtp.Message{Recipients: smtp.To("to@example.net"), Content: strings.NewReader("a: b\r\n")})
	return err
}

func noop(ctx context.Context, s *Session) error { return s.Noop(ctx) }

// logIn asks for a mechanism; the server of a place offers PLAIN and LOGIN.
func logIn(mechanism string) func(context.Context, *Session) error {
	return func(ctx context.Context, s *Session) error {
		return s.Authenticate(ctx, WithUserName("user"), WithPassword("secret"), WithMechanism(mechanism))
	}
}

// afterLogin does step where LOGIN has said everything.
func afterLogin(step smtptest.Step) smtptest.Step {
	return func(c *smtptest.Conn) {
		for range 2 {
			if c.Reply(334, "") != nil {
				return
			}
			if _, err := c.ReadLine(); err != nil {
				return
			}
		}
		step(c)
	}
}

// server returns a server that does step in p.
func (p place) server(step smtptest.Step) smtptest.Config {
	if p.later {
		step = afterLogin(step)
	}
	if p.once {
		step = smtptest.Sequence(smtptest.Usual(), step, smtptest.Usual(), step, smtptest.Usual(), step, smtptest.Usual(), step)
	}
	on := map[string]smtptest.Step{p.moment: step}
	if p.helo {
		on["EHLO"] = smtptest.Say("502 5.5.1 what?")
	}
	c := smtptest.Config{Mode: p.mode, On: on, Keywords: []string{"SIZE 9"}}
	if p.chunking {
		c.Keywords = append(c.Keywords, "CHUNKING")
	}
	if p.phase == fsm.Auth {
		c.Users = map[string]string{"user": "secret"}
	}
	return c
}

// config returns what reaches srv.
func (p place) config(srv *smtptest.Server) Config {
	return Config{
		HostName: srv.Host(), RemotePort: srv.Port(), Dialer: srv, LocalName: "client.test", Options: p.options,
		TLS: &tls.Config{RootCAs: srv.Roots()},
	}
}

// impatient shortens the wait of the place alone: a loaded machine may be slow
// at the others.
func (p place) impatient(d time.Duration) smtp.Timeouts {
	switch p.phase {
	case fsm.TLS:
		return smtp.Timeouts{TLS: d}
	case fsm.Greeting:
		return smtp.Timeouts{Greeting: d}
	case fsm.Ehlo:
		return smtp.Timeouts{Hello: d}
	case fsm.StartTLS:
		return smtp.Timeouts{StartTLS: d, TLS: d}
	case fsm.Auth:
		return smtp.Timeouts{Auth: d}
	case fsm.Mail:
		return smtp.Timeouts{Mail: d, Rcpt: d, Data: d, End: d}
	case fsm.Quit:
		return smtp.Timeouts{Quit: d}
	default:
		return smtp.Timeouts{Command: d}
	}
}

// visit makes one life that goes through p, and returns what the call that
// meets the fault said, and the life's events. After it the life is over.
func (p place) visit(t testing.TB, s *Session) ([]events.Event, error) {
	t.Helper()
	evs := record(t, s)
	err := s.Connect(t.Context())
	if !p.asks() && !p.isQuit() {
		if err == nil {
			_ = s.Disconnect(t.Context())
		}
		<-s.Done()
		return evs(), err
	}
	if err != nil {
		t.Fatalf("Connect: %v", err)
	}
	if p.asks() {
		err = p.ask(t.Context(), s)
		if s.State() == fsm.Ready {
			_ = s.Disconnect(t.Context())
		}
	} else {
		err = s.Disconnect(t.Context())
	}
	<-s.Done()
	return evs(), err
}

// bubble runs f in virtual time. No goroutine of it may be left at its end.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// memory makes a server in memory that ends with the test.
func memory(t testing.TB, c smtptest.Config) *smtptest.Server {
	srv := smtptest.NewMemoryServer(c)
	t.Cleanup(func() { _ = srv.Close() })
	return srv
}

// loopback makes a server on a socket that ends with the test.
func loopback(t testing.TB, c smtptest.Config) *smtptest.Server {
	t.Helper()
	srv, err := smtptest.NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv
}

// allClosed fails unless every connection of srv has ended at its client's end.
func allClosed(t testing.TB, srv *smtptest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := srv.WaitClosed(ctx); err != nil {
		t.Errorf("%d connections are still open", srv.Open())
	}
}

// watched dials through a Dialer and keeps what it dialled.
type watched struct {
	Dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}
	mu    sync.Mutex
	conns []*watchedConn
}

func (w *watched) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := w.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := &watchedConn{Conn: c}
	w.mu.Lock()
	w.conns = append(w.conns, conn)
	w.mu.Unlock()
	return conn, nil
}

// all returns what was dialled.
func (w *watched) all() []*watchedConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.conns
}

// watchedConn counts what is read, and knows whether it was closed.
type watchedConn struct {
	net.Conn
	mu     sync.Mutex
	read   int
	closed bool
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.read += n
	c.mu.Unlock()
	return n, err
}

func (c *watchedConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return c.Conn.Close()
}

func (c *watchedConn) octets() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read
}

func (c *watchedConn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// onDisk returns a file that holds text, and is closed with the test.
func onDisk(t testing.TB, text string) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}
