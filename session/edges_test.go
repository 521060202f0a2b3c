package session

import (
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// afterPhase calls a function at the end of a phase.
type afterPhase struct {
	phase fsm.State
	f     func()
}

func (h afterPhase) PhaseStart(ctx context.Context, _ events.PhaseStart) context.Context { return ctx }
func (h afterPhase) PhaseEnd(_ context.Context, e events.PhaseEnd) {
	if e.Phase == h.phase {
		h.f()
	}
}

func TestConnect_C26_AContextThatEndedIsNeverRetried(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Say("451 4.3.0 later")}})
	ctx, cancel := context.WithCancel(t.Context())
	c := reach(srv, Extended)
	c.Retry = Retry{MaxAttempts: 3, Replies: true}
	c.Hooks = []events.Hook{afterPhase{fsm.Greeting, cancel}}
	s := newSession(t, c)
	evs := record(t, s)
	if err := s.Connect(ctx); err == nil {
		t.Error("connected")
	}
	if kinds := kindsOf(evs()); slices.Contains(kinds, events.KindRetry) {
		t.Errorf("%v", kinds)
	}
}

func TestConnect_C25_ACloseDuringTheDialAdoptsNoConnection(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	var s *Session
	s = newSession(t, Config{HostName: srv.Host(), RemotePort: srv.Port(), Dialer: dialFunc(func(ctx context.Context, n, a string) (net.Conn, error) {
		conn, err := srv.DialContext(ctx, n, a)
		_ = s.Close()
		return conn, err
	})})
	evs := record(t, s)
	if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrClosed) {
		t.Errorf("%v", err)
	}
	all := evs()
	checkLife(t, all)
	if kinds := kindsOf(all); slices.Contains(kinds, events.KindDial) {
		t.Errorf("%v", kinds)
	}
	allClosed(t, srv)
}

// peers notes the peer of each attempt.
type peers struct{ seen *[]bool }

func (p peers) AttemptStart(ctx context.Context, _ events.AttemptStart) context.Context { return ctx }
func (p peers) AttemptEnd(_ context.Context, e events.AttemptEnd) {
	*p.seen = append(*p.seen, e.Peer.IsValid())
}

func TestHooks_AnAttemptWithoutAConnectionHasNoPeer(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Close()}})
	var seen []bool
	dials := 0
	c := reach(srv, Extended)
	c.Retry.MaxAttempts = 2
	c.Hooks = []events.Hook{peers{&seen}}
	c.Dialer = dialFunc(func(ctx context.Context, n, a string) (net.Conn, error) {
		if dials++; dials > 1 {
			return nil, refusedError()
		}
		return srv.DialContext(ctx, n, a)
	})
	if err := newSession(t, c).Connect(t.Context()); !errors.Is(err, smtp.ErrRefused) {
		t.Errorf("%v", err)
	}
	if !slices.Equal(seen, []bool{true, false}) {
		t.Errorf("%v", seen)
	}
}

func TestErr_IsErrClosedAlsoIfDisconnectsContextEnded(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	release := make(chan struct{})
	c := reach(srv, Extended)
	c.Hooks = []events.Hook{onEvent(events.KindCommand, func(events.Event) { <-release })}
	s := linked(t, c)
	go func() { _ = s.Noop(context.Background()) }()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	said := make(chan error, 1)
	go func() { said <- s.Disconnect(ended) }()
	for cut := false; !cut; runtime.Gosched() {
		s.mu.Lock()
		cut = s.life.cut != nil
		s.mu.Unlock()
	}
	close(release)
	if err := <-said; !errors.Is(err, context.Canceled) {
		t.Errorf("Disconnect: %v", err)
	}
	if err := s.Err(); !errors.Is(err, smtp.ErrClosed) || smtp.Code(err) != 10058 {
		t.Errorf("Err: %v", err)
	}
}

func TestStart_InAHookOfTheLastEventEndsWithItsContext(t *testing.T) {
	var s *Session
	said := make(chan error, 1)
	s = newSession(t, Config{Hooks: []events.Hook{onEvent(events.KindError, func(events.Event) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond) // not the hook's own: a mistake
		defer cancel()
		said <- s.Start(ctx)
	})}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Connect(context.Background()); !errors.Is(err, smtp.ErrInvalid) {
			t.Errorf("%v", err)
		}
	}()
	within(t, done, "Connect")
	if err := <-said; !errors.Is(err, smtp.ErrConnected) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Start: %v", err)
	}
}
