package session

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// prompt is invariant 4's bound.
const prompt = 100 * time.Millisecond

// promptly fails if f takes longer than prompt three times: a machine may be
// busy with something else. So each time the deadline of a context, if that is
// how f ends it, is later.
func promptly(t *testing.T, f func(t *testing.T, after time.Duration) time.Duration) {
	t.Helper()
	var took []time.Duration
	for _, after := range []time.Duration{50 * time.Millisecond, time.Second, 10 * time.Second} {
		d := f(t, after)
		if d <= prompt || t.Failed() {
			return
		}
		took = append(took, d)
	}
	t.Errorf("took %v, want at most %v", took, prompt)
}

// announcing makes servers on loopback that tell when a step begins.
func announcing(reached chan<- struct{}) maker {
	return func(t testing.TB, c smtptest.Config) *smtptest.Server {
		announce := func() {
			select {
			case reached <- struct{}{}:
			default:
			}
		}
		for moment, step := range c.On {
			c.On[moment] = func(conn *smtptest.Conn) { announce(); step(conn) }
		}
		if script := c.Script; script != nil {
			c.Script = func(conn *smtptest.Conn) { announce(); script(conn) }
		}
		return loopback(t, c)
	}
}

// C25, H25, invariant 4 on real sockets.
func TestInvariant_4_CancelEndsAConnectWithin100Milliseconds(t *testing.T) {
	for _, wait := range waits() {
		for _, way := range ways() {
			t.Run(wait.name+"/"+way.name, func(t *testing.T) {
				promptly(t, func(t *testing.T, after time.Duration) (took time.Duration) {
					leakless(t, func() {
						t.Run("life", func(t *testing.T) { took = cancelOne(t, wait, way, after) })
					})
					return took
				})
			})
		}
	}
}

// tooEarly is what a try took that never came to the moment it is about.
const tooEarly = time.Hour

func cancelOne(t *testing.T, wait wait, way way, after time.Duration) time.Duration {
	reached := make(chan struct{}, 1)
	c := wait.config(t, announcing(reached))
	s := newSession(t, c)
	evs := record(t, s)
	states, _ := s.Subscribe(events.Filter{Kinds: events.MaskOf(events.KindStateChange)})
	began := time.Now()
	ctx, end := way.begin(s, after)
	ended := make(chan error, 1)
	go func() { ended <- s.Connect(ctx) }()
	for e := range states {
		if change, ok := e.(events.OnStateChange); ok && change.To == wait.phase {
			break
		}
	}
	switch wait.name {
	case "resolve", "dial", "race of dials", "backoff":
	default:
		select {
		case <-reached:
		case <-ended:
			return tooEarly
		}
	}
	begun := time.Now()
	if err := end(); err != nil {
		t.Error(err)
	}
	if way.name == "deadline" && began.Add(after).After(begun) {
		begun = began.Add(after)
	}
	err := <-ended
	within(t, s.Done(), "the end")
	took := time.Since(begun)
	for _, is := range way.is {
		if !errors.Is(err, is) {
			t.Errorf("%v is not %v", err, is)
		}
	}
	if smtp.Code(err) != 10004 || s.State() != fsm.Closed {
		t.Errorf("code %d, %v", smtp.Code(err), s.State())
	}
	checkLife(t, evs())
	return took
}

func TestInvariant_4_CancelEndsARequestWithin100Milliseconds(t *testing.T) {
	type doing struct {
		name string
		c    smtptest.Config
		o    Options
		call func(context.Context, *Session) error
	}
	noop := func(ctx context.Context, s *Session) error { return s.Noop(ctx) }
	quit := func(ctx context.Context, s *Session) error { return s.Disconnect(ctx) }
	for _, d := range []doing{
		{"NOOP", smtptest.Config{On: map[string]smtptest.Step{"NOOP": smtptest.Silence()}}, Extended, noop},
		{"NOOP within TLS", smtptest.Config{Mode: smtptest.Implicit, On: map[string]smtptest.Step{"NOOP": smtptest.Silence()}}, SecureImplicit, noop},
		{"NOOP that trickles", smtptest.Config{On: map[string]smtptest.Step{"NOOP": smtptest.Trickle(fmt.Sprintf("250 %0900d", 0), 5*time.Millisecond)}}, Extended, noop},
		{"NOOP that trickles within TLS", smtptest.Config{Mode: smtptest.Implicit, On: map[string]smtptest.Step{"NOOP": smtptest.Trickle(fmt.Sprintf("250 %0900d", 0), 5*time.Millisecond)}}, SecureImplicit, noop},
		{"QUIT", smtptest.Config{On: map[string]smtptest.Step{"QUIT": smtptest.Silence()}}, Extended, quit},
		{"QUIT within TLS", smtptest.Config{Mode: smtptest.Implicit, On: map[string]smtptest.Step{"QUIT": smtptest.Silence()}}, SecureImplicit, quit},
	} {
		for _, way := range ways()[:3] {
			t.Run(d.name+"/"+way.name, func(t *testing.T) {
				promptly(t, func(t *testing.T, after time.Duration) time.Duration {
					reached := make(chan struct{}, 1)
					srv := announcing(reached)(t, d.c)
					s, evs := connected(t, place{options: d.o}.config(srv))
					began := time.Now()
					ctx, end := way.begin(s, after)
					ended := make(chan error, 1)
					go func() { ended <- d.call(ctx, s) }()
					select {
					case <-reached:
					case <-ended:
						return tooEarly
					}
					begun := time.Now()
					_ = end()
					if way.name == "deadline" && began.Add(after).After(begun) {
						begun = began.Add(after)
					}
					err := <-ended
					within(t, s.Done(), "the end")
					took := time.Since(begun)
					for _, is := range way.is {
						if !errors.Is(err, is) {
							t.Errorf("%v is not %v", err, is)
						}
					}
					checkLife(t, evs())
					allClosed(t, srv)
					return took
				})
			})
		}
	}
}
