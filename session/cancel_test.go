package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

var errMine = errors.New("the caller's own reason")

// A way ends a connect from outside, after a while.
type way struct {
	name string
	// begin returns the context of the connect, and what ends it.
	begin func(s *Session, after time.Duration) (context.Context, func() error)
	is    []error // what the connect's error is
	err   []error // what Session.Err is
}

func ways() []way {
	return []way{
		{"context", func(*Session, time.Duration) (context.Context, func() error) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return ctx, func() error { cancel(errMine); return nil }
		}, []error{smtp.ErrCanceled, context.Canceled, errMine}, []error{smtp.ErrCanceled, context.Canceled, errMine}},
		{"deadline", func(_ *Session, after time.Duration) (context.Context, func() error) {
			ctx, cancel := context.WithTimeoutCause(context.Background(), after, errMine)
			return ctx, func() error { <-ctx.Done(); cancel(); return nil }
		}, []error{smtp.ErrCanceled, context.DeadlineExceeded, errMine}, []error{smtp.ErrCanceled, context.DeadlineExceeded, errMine}},
		{"Close", func(s *Session, _ time.Duration) (context.Context, func() error) {
			return context.Background(), s.Close
		}, []error{smtp.ErrCanceled, smtp.ErrClosed}, []error{smtp.ErrClosed}},
		{"Disconnect", func(s *Session, _ time.Duration) (context.Context, func() error) {
			return context.Background(), func() error { return s.Disconnect(context.Background()) }
		}, []error{smtp.ErrCanceled, smtp.ErrClosed}, []error{smtp.ErrClosed}},
	}
}

// calls are the two that begin a life; each returns how it ended.
var calls = map[string]func(context.Context, *Session) error{
	"Connect": func(ctx context.Context, s *Session) error { return s.Connect(ctx) },
	"Start": func(ctx context.Context, s *Session) error {
		done := s.Done()
		if err := s.Start(ctx); err != nil {
			return err
		}
		<-done
		return s.Err()
	},
}

// C25, H25, invariant 4. In virtual time nothing at all may pass between the
// cancel and the end.
func TestInvariant_4_CancelEndsAConnectAtOnceInEveryPhase(t *testing.T) {
	for _, wait := range append(waits(), fullWindows()...) {
		for _, way := range ways() {
			for name, call := range calls {
				bubble(t, fmt.Sprintf("%s/%s of %s", wait.name, way.name, name), func(t *testing.T) {
					c := wait.config(t, memory)
					dialer := &watched{Dialer: c.Dialer}
					if c.Dialer != nil {
						c.Dialer = dialer
					}
					s := newSession(t, c)
					evs := record(t, s)
					const after = 10 * time.Second
					ctx, end := way.begin(s, after)
					ended := make(chan error, 1)
					go func() { ended <- call(ctx, s) }()
					<-time.After(after - 1) // the server's next octet comes at 10 s
					if s.State() != wait.phase {
						t.Fatalf("in %v, want %v", s.State(), wait.phase)
					}
					begun := time.Now()
					if err := end(); err != nil {
						t.Errorf("%s: %v", way.name, err)
					}
					err := <-ended
					if took := time.Since(begun); took > 1 { // the deadline's last nanosecond
						t.Errorf("took %v", took)
					}
					<-s.Done()
					checkCanceled(t, s, way, name, err, wait.phase)
					all := evs()
					checkLife(t, all)
					if count(all, events.KindCancel) != 1 {
						t.Errorf("%v, want one OnCancel", kindsOf(all))
					}
					for _, conn := range dialer.all() {
						if !conn.isClosed() {
							t.Error("the socket is open")
						}
					}
				})
			}
		}
	}
}

func checkCanceled(t *testing.T, s *Session, way way, call string, err error, phase fsm.State) {
	t.Helper()
	is := way.is
	if call == "Start" {
		is = way.err
	}
	for _, target := range is {
		if !errors.Is(err, target) {
			t.Errorf("%v is not %v", err, target)
		}
	}
	var e *smtp.Error
	if errors.As(err, &e) && e.Kind == smtp.KindCanceled && (e.Phase != phase.String() || smtp.Code(err) != 10004) {
		t.Errorf("phase %q, code %d, want %v, 10004: %v", e.Phase, smtp.Code(err), phase, err)
	}
	if timeout := errors.Is(err, context.DeadlineExceeded); e.Timeout() != timeout {
		t.Errorf("Timeout() is %v, want %v", !timeout, timeout)
	}
	for _, target := range way.err {
		if !errors.Is(s.Err(), target) {
			t.Errorf("Err: %v is not %v", s.Err(), target)
		}
	}
	if s.State() != fsm.Closed {
		t.Errorf("the state is %v", s.State())
	}
	again := s.Connect(canceledContext())
	if way.name == "Close" != errors.Is(again, smtp.ErrClosed) || errors.Is(again, smtp.ErrConnected) {
		t.Errorf("Connect again: %v", again)
	}
}

func canceledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// The end of the caller's context is a cancel also where a dialer or a proxy's
// connection has the context's deadline for its own, and sees it first.
func TestConnect_C24_TheCallersDeadlineIsACancelWhoeverSeesItFirst(t *testing.T) {
	early := dialFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
		deadline, _ := ctx.Deadline()
		<-time.After(time.Until(deadline)) // as the poller does, that knows nothing of contexts
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	})
	lookUp := lookUpFunc(func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
		deadline, _ := ctx.Deadline()
		<-time.After(time.Until(deadline))
		return nil, &net.DNSError{Err: "i/o timeout", IsTimeout: true}
	})
	check := func(t *testing.T, c Config) {
		s := newSession(t, c)
		for range 50 {
			evs := record(t, s)
			ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Millisecond, errMine)
			err := s.Connect(ctx)
			cancel()
			if smtp.Code(err) != 10004 || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errMine) {
				t.Fatalf("code %d: %v", smtp.Code(err), err)
			}
			checkLife(t, evs())
		}
	}
	bubble(t, "a context that ends a little later than it says", func(t *testing.T) {
		s := newSession(t, Config{HostName: "192.0.2.1", Dialer: early})
		evs := record(t, s)
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := s.Connect(lateContext{ctx, begun.Add(3*time.Second - time.Millisecond)})
		if smtp.Code(err) != 10004 || time.Since(begun) != 3*time.Second {
			t.Errorf("code %d after %v: %v", smtp.Code(err), time.Since(begun), err)
		}
		checkLife(t, evs())
	})
	for name, c := range map[string]Config{
		"dial":    {HostName: "192.0.2.1", Dialer: early},
		"race":    {HostName: "mail.test", Dialer: early, Resolver: lookUpFunc(two)},
		"resolve": {HostName: "mail.test", Resolver: lookUp},
	} {
		t.Run(name, func(t *testing.T) { check(t, c) })
		bubble(t, name+" in virtual time", func(t *testing.T) { check(t, c) })
	}
	for _, scheme := range []string{"socks5", "http"} {
		t.Run(scheme, func(t *testing.T) { check(t, proxied(scheme)(t, loopback)) })
	}
}

// lateContext ends after its deadline.
type lateContext struct {
	context.Context
	deadline time.Time
}

func (c lateContext) Deadline() (time.Time, bool) { return c.deadline, true }
