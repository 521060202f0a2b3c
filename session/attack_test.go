package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// A request whose context ends while it is queued does not hurt the session,
// also if nobody had the time to take it out before its turn came.
func TestHostile_H25_AQueuedRequestsCancelNeverCutsTheSession(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		queued := make(chan error, 1)
		c := reach(srv, Extended)
		var s *Session
		first := true
		c.Hooks = []events.Hook{onEvent(events.KindCommand, func(events.Event) {
			if first { // the session's goroutine is busy here
				first = false
				go func() { queued <- s.Noop(ctx) }()
				for s.Snapshot().Waiting == 0 {
					runtime.Gosched()
				}
				cancel()
			}
		})}
		s = linked(t, c)
		if err := s.Noop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-queued; !errors.Is(err, context.Canceled) {
			t.Errorf("the queued one: %v", err)
		}
		if err := s.Noop(t.Context()); err != nil {
			t.Fatalf("the session was cut: %v", err)
		}
	}
	for _, line := range srv.Commands() {
		if line == "QUIT" {
			t.Error("a session ended")
		}
	}
}

// What the server said before a request's first write makes it fail unsent.
func TestHostile_H14_AGoodbyeBeforeTheCommandIsNoReplyToIt(t *testing.T) {
	srv := loopback(t, smtptest.Config{Mode: smtptest.StartTLS})
	for _, o := range []Options{Extended, SecureExplicit} {
		c := reach(srv, o)
		var s *Session
		said := false
		c.Hooks = []events.Hook{onEvent(events.KindCommand, func(events.Event) {
			if !said { // between two requests, while the goroutine does not read
				said = true
				go func() { _ = s.Noop(context.Background()) }()
				for s.Snapshot().Waiting == 0 {
					runtime.Gosched()
				}
				srv.Say("421 4.3.2 going down")
				awaitOctets(t, s)
			}
		})}
		s = linked(t, c)
		before := len(srv.Commands())
		if err := s.Noop(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-s.Done()
		if e := asError(s.Err()); e.Reply.Code != 421 || e.Kind != smtp.KindReply {
			t.Errorf("%v: %v", o, e)
		}
		if got := srv.Commands()[before:]; len(got) != 1 {
			t.Errorf("%v: sent %q", o, got)
		}
	}
}

// awaitOctets waits until the session's socket has something to read. It is
// called on the session's goroutine.
func awaitOctets(t testing.TB, s *Session) {
	t.Helper()
	s.mu.Lock()
	c := s.life.conn.NetConn().(*net.TCPConn)
	s.mu.Unlock()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Time{})
	if err := raw.Read(func(fd uintptr) bool { return peekable(fd) }); err != nil {
		t.Error(err)
	}
}

func TestHostile_H14_AReplyBeforeEHLOIsNotItsReply(t *testing.T) {
	early := make(chan struct{})
	srv := loopback(t, smtptest.Config{Script: func(c *smtptest.Conn) {
		_ = c.Write("220 mx.test ready\r\n")
		<-early
		_ = c.Write("250 early\r\n")
		_, _ = c.ReadLine()
	}})
	c := reach(srv, Extended)
	var s *Session
	c.Hooks = []events.Hook{onEvent(events.KindGreeting, func(events.Event) {
		close(early)
		awaitOctets(t, s)
	})}
	s = newSession(t, c)
	if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrProtocol) || smtp.Code(err) != 20006 {
		t.Errorf("%v", err)
	}
}

// In TLS 1.3 a refused client certificate is heard of only at the first read.
func TestConnect_C26_ALateTLSAlertIsNotRetried(t *testing.T) {
	srv := loopback(t, smtptest.Config{Mode: smtptest.Implicit, TLS: &tls.Config{ClientAuth: tls.RequireAnyClientCert}})
	c := reach(srv, SecureImplicit)
	c.Retry.MaxAttempts = 3
	err := newSession(t, c).Connect(t.Context())
	if !errors.Is(err, smtp.ErrTLS) || srv.Connections() != 1 {
		t.Errorf("%d connections: %v", srv.Connections(), err)
	}
}

func TestConnect_C26_APolicyOfTheCallersIsNoLostConnection(t *testing.T) {
	srv := loopback(t, smtptest.Config{Mode: smtptest.Implicit})
	c := reach(srv, SecureImplicit)
	c.Retry.MaxAttempts = 3
	c.TLS.VerifyConnection = func(tls.ConnectionState) error {
		return fmt.Errorf("asking the responder: %w", &net.OpError{Op: "read", Err: context.DeadlineExceeded})
	}
	err := newSession(t, c).Connect(t.Context())
	if !errors.Is(err, smtp.ErrTLS) || srv.Connections() != 1 {
		t.Errorf("%d connections: %v", srv.Connections(), err)
	}
}

// Connect makes a session ready on the goroutine that called it, and Start on one of
// its own: that one a hook ends, and the life with it.
func TestHostile_H23_GoexitInAHookEndsTheLife(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	for _, name := range []string{"Connect", "Start"} {
		c := reach(srv, Extended)
		c.Hooks = []events.Hook{onEvent(events.KindGreeting, func(events.Event) { runtime.Goexit() })}
		s := newSession(t, c)
		evs := record(t, s)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if name == "Connect" {
				err := s.Connect(t.Context())
				t.Errorf("Connect returned %v on a goroutine that a hook has ended", err)
				return
			}
			if err := s.Start(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		within(t, ended, name)
		within(t, s.Done(), "the end of the life")
		if err := s.Err(); !errors.Is(err, smtp.ErrPanic) || !strings.Contains(err.Error(), "Goexit") {
			t.Errorf("%s: %v", name, err)
		}
		checkLife(t, evs())
	}
}

// quitter is a hook that ends the goroutine once the session is ready and nobody knows
// it yet.
type quitter struct{ attempt bool }

func (quitter) ConnectStart(ctx context.Context, _ events.ConnectStart) context.Context { return ctx }
func (q quitter) ConnectEnd(context.Context, events.ConnectEnd) {
	if !q.attempt {
		runtime.Goexit()
	}
}
func (quitter) AttemptStart(ctx context.Context, _ events.AttemptStart) context.Context { return ctx }
func (q quitter) AttemptEnd(context.Context, events.AttemptEnd) {
	if q.attempt {
		runtime.Goexit()
	}
}

func TestHostile_H23_GoexitBeforeOnConnectIsAFinalError(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	for _, attempt := range []bool{true, false} {
		c := reach(srv, Extended)
		c.Hooks = []events.Hook{quitter{attempt}}
		s := newSession(t, c)
		evs := record(t, s)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		within(t, s.Done(), "the end of the life")
		all := evs()
		checkLife(t, all)
		if last, ok := all[len(all)-1].(events.OnError); !ok || !last.Final || !errors.Is(last.Err, smtp.ErrPanic) {
			t.Errorf("attempt %v: the last is %+v", attempt, all[len(all)-1])
		}
	}
}

func TestHostile_H23_AHooksOwnContextDoesNotOutliveACancel(t *testing.T) {
	bubble(t, "dial", func(t *testing.T) {
		c := Config{HostName: "192.0.2.1", Hooks: []events.Hook{ownContext{}}, Dialer: dialFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
			if ctx.Value(ownContext{}) != "mine" {
				t.Error("the hook's values are lost")
			}
			<-ctx.Done()
			return nil, ctx.Err()
		})}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if err := newSession(t, c).Connect(ctx); !errors.Is(err, smtp.ErrCanceled) || time.Since(begun) != time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

// ownContext is a hook that drops the context it is given.
type ownContext struct{}

func (ownContext) PhaseStart(context.Context, events.PhaseStart) context.Context {
	return context.WithValue(context.Background(), ownContext{}, "mine")
}
func (ownContext) PhaseEnd(context.Context, events.PhaseEnd) {}

func TestHostile_ADialerThatBreaksItsContract(t *testing.T) {
	for name, d := range map[string]dialFunc{
		"neither connection nor error": func(context.Context, string, string) (net.Conn, error) { return nil, nil },
		"panic":                        func(context.Context, string, string) (net.Conn, error) { panic("oops") },
	} {
		for _, host := range []string{"192.0.2.1", "two.test"} {
			s := newSession(t, Config{HostName: host, Dialer: d, Resolver: addresses("192.0.2.1", "192.0.2.2"), Retry: Retry{MaxAttempts: 1}})
			if err := s.Connect(t.Context()); err == nil || s.State() != fsm.Closed {
				t.Errorf("%s, %s: %v", name, host, err)
			}
		}
	}
}

func TestSubscribe_RightAfterConnectNothingIsMissed(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	for range 50 {
		s := linked(t, reach(srv, Extended))
		evs := record(t, s)
		_ = s.Disconnect(t.Context())
		for _, e := range evs() {
			if e.Kind() == events.KindLagged {
				t.Fatalf("%+v", e)
			}
		}
	}
}

func TestConnect_C3_ALineEndIsNoBlank(t *testing.T) {
	for _, bad := range []string{"\r\n", "\n", "\u0085"} {
		s := newSession(t, Config{HostName: "prop.test", Dialer: noDial(t), Resolver: noLookUp(t)})
		if err := s.Connect(t.Context(), WithRemoteHost(bad)); !errors.Is(err, smtp.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestHostile_H23_GoexitWhileServingAnswersTheRequest(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	c := reach(srv, Extended)
	c.Hooks = []events.Hook{onEvent(events.KindCommand, func(events.Event) { runtime.Goexit() })}
	s := linked(t, c)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if err := s.Noop(context.Background()); !errors.Is(err, smtp.ErrPanic) {
			t.Errorf("%v", err)
		}
	}()
	within(t, answered, "Noop")
	within(t, s.Done(), "the end of the life")
}

// unprintable panics with itself when it is printed, which fmt does not contain.
type unprintable struct{ net.Conn }

func (u unprintable) Error() string            { panic(u) }
func (u unprintable) Read([]byte) (int, error) { panic(u) }

func TestHostile_H23_APanicThatCannotBePrintedEndsTheLifeAlone(t *testing.T) {
	d := dialFunc(func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { _ = far.Close() })
		return unprintable{near}, nil
	})
	s := newSession(t, Config{HostName: "192.0.2.1", Dialer: d, Retry: Retry{MaxAttempts: 1}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Connect(ctx); !errors.Is(err, smtp.ErrPanic) || !strings.HasSuffix(err.Error(), "session panicked: session.unprintable") {
		t.Errorf("%v", err)
	}
}
