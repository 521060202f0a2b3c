package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// everyHook hears all that hooks can, and does something at each moment. It
// keeps the scopes that are open, and what was wrong with them.
type everyHook struct {
	at    func(ctx context.Context, moment string)
	name  string
	open  *[]string // of all the hooks that share it
	wrong []string
}

func (h *everyHook) start(ctx context.Context, scope, moment string) context.Context {
	*h.open = append(*h.open, scope+h.name)
	if h.at != nil {
		h.at(ctx, moment)
	}
	return context.WithValue(ctx, scopeKey{}, scope)
}

type scopeKey struct{}

func (h *everyHook) end(ctx context.Context, scope, moment string) {
	if n := len(*h.open); n == 0 || (*h.open)[n-1] != scope+h.name {
		h.wrong = append(h.wrong, fmt.Sprintf("%s ends while open are %q", scope+h.name, *h.open))
	} else {
		*h.open = (*h.open)[:n-1]
	}
	if h.at != nil {
		h.at(ctx, moment)
	}
}

func (h *everyHook) LifeStart(ctx context.Context, handle events.Handle) {
	h.start(ctx, fmt.Sprint("life of ", handle.ID), "LifeStart")
}

func (h *everyHook) LifeEnd(ctx context.Context, handle events.Handle) {
	h.end(ctx, fmt.Sprint("life of ", handle.ID), "LifeEnd")
}

func (h *everyHook) ConnectStart(ctx context.Context, _ events.ConnectStart) context.Context {
	return h.start(ctx, "connect", "ConnectStart")
}

func (h *everyHook) ConnectEnd(ctx context.Context, _ events.ConnectEnd) {
	h.end(ctx, "connect", "ConnectEnd")
}

func (h *everyHook) AttemptStart(ctx context.Context, _ events.AttemptStart) context.Context {
	return h.start(ctx, "attempt", "AttemptStart")
}

func (h *everyHook) AttemptEnd(ctx context.Context, _ events.AttemptEnd) {
	h.end(ctx, "attempt", "AttemptEnd")
}

func (h *everyHook) PhaseStart(ctx context.Context, s events.PhaseStart) context.Context {
	return h.start(ctx, "phase "+s.Phase.String(), "PhaseStart "+s.Phase.String())
}

func (h *everyHook) PhaseEnd(ctx context.Context, e events.PhaseEnd) {
	h.end(ctx, "phase "+e.Phase.String(), "PhaseEnd "+e.Phase.String())
}

func (h *everyHook) CommandStart(ctx context.Context, s events.CommandStart) context.Context {
	return h.start(ctx, "command "+s.Verb, "CommandStart "+s.Verb)
}

func (h *everyHook) CommandEnd(ctx context.Context, e events.CommandEnd) {
	h.end(ctx, "command "+e.Verb, "CommandEnd "+e.Verb)
}

// BeforeDial and VerifyPeer are asked within the scope of a phase, and are no
// scopes.
func (h *everyHook) BeforeDial(ctx context.Context, _ events.Target) error {
	return h.within(ctx, "BeforeDial", "phase dial")
}

func (h *everyHook) VerifyPeer(ctx context.Context, _ events.Peer) error {
	return h.within(ctx, "VerifyPeer", "phase tls", "phase starttls")
}

func (h *everyHook) within(ctx context.Context, moment string, scopes ...string) error {
	if got, _ := ctx.Value(scopeKey{}).(string); !slices.Contains(scopes, got) {
		h.wrong = append(h.wrong, fmt.Sprintf("%s within %v", moment, got))
	}
	if h.at != nil {
		h.at(ctx, moment)
	}
	return nil
}

func (h *everyHook) Kinds() events.Mask { return 0 }

func (h *everyHook) Event(ctx context.Context, e events.Event) {
	if h.at == nil {
		return
	}
	moment := e.Kind().String()
	if change, ok := e.(events.OnStateChange); ok {
		moment += " " + change.To.String()
	}
	h.at(ctx, moment)
}

// check fails if a Start had no End, or not in its turn.
func (h *everyHook) check(t *testing.T) {
	t.Helper()
	if len(*h.open) > 0 {
		h.wrong = append(h.wrong, fmt.Sprintf("never ended: %q", *h.open))
	}
	for _, wrong := range h.wrong {
		t.Error(wrong)
	}
}

// ends are what the calls of a hooked life returned.
type ends struct{ connect, noop, login, disconnect, err error }

func (e ends) all() []error { return []error{e.connect, e.noop, e.login, e.disconnect, e.err} }

// hooked makes a life with an attempt that fails, one with STARTTLS that does
// not, a NOOP, a login and a Disconnect. Around the hook stand two that only watch.
func hooked(t *testing.T, at func(s *Session, ctx context.Context, moment string)) (ends, *Session, *smtptest.Server) {
	srv := memory(t, smtptest.Config{Mode: smtptest.StartTLS, Users: map[string]string{"user": "secret"}, On: map[string]smtptest.Step{
		"EHLO": smtptest.Sequence(smtptest.Say("450 later"), smtptest.Usual()),
	}})
	var s *Session
	open := new([]string)
	first, last := &everyHook{name: " of the first", open: open}, &everyHook{name: " of the last", open: open}
	hook := &everyHook{open: open, at: func(ctx context.Context, moment string) { at(s, ctx, moment) }}
	c := place{options: Extended | SecureExplicit}.config(srv)
	c.Retry.Replies = true
	c.Hooks = []events.Hook{first, hook, last}
	s = newSession(t, c)
	evs := record(t, s)
	var e ends
	e.connect = s.Connect(t.Context())
	e.noop = s.Noop(t.Context())
	e.login = logIn("LOGIN")(t.Context(), s)
	e.disconnect = s.Disconnect(t.Context())
	within(t, s.Done(), "the end")
	e.err = s.Err()
	checkLife(t, evs())
	for _, h := range []*everyHook{first, hook, last} {
		h.check(t)
	}
	if s.State() != fsm.Closed {
		t.Errorf("in %v", s.State())
	}
	allClosed(t, srv)
	return e, s, srv
}

// moments are all that the hooks of a hooked life hear.
func moments(t *testing.T) []string {
	var all []string
	bubble(t, "undisturbed", func(t *testing.T) {
		e, _, _ := hooked(t, func(_ *Session, _ context.Context, moment string) {
			if !slices.Contains(all, moment) {
				all = append(all, moment)
			}
		})
		if e.connect != nil || e.noop != nil || e.login != nil || e.disconnect != nil {
			t.Error(e)
		}
	})
	if len(all) < 40 {
		t.Fatalf("only %q", all)
	}
	return all
}

func TestHostile_H23_AHookThatPanicsEndsItsSessionAndSaysSo(t *testing.T) {
	for _, moment := range moments(t) {
		for _, all := range []bool{false, true} { // the first time, and each time
			bubble(t, fmt.Sprintf("%s/all=%v", moment, all), func(t *testing.T) {
				times := 0
				e, s, _ := hooked(t, func(_ *Session, _ context.Context, now string) {
					if now == moment {
						if times++; times == 1 || all {
							panic("boom at " + moment)
						}
					}
				})
				if times == 0 {
					t.Fatal("the moment never came")
				}
				said := slices.IndexFunc(e.all(), func(err error) bool {
					return errors.Is(err, smtp.ErrPanic) && strings.Contains(err.Error(), "everyHook panicked: boom at "+moment)
				})
				// By then the life is over and has its error.
				over := moment == "OnDisconnect" || moment == "OnStateChange closed" || moment == "LifeEnd"
				if said < 0 && !over {
					t.Errorf("nothing says so: %v", e)
				}
				if err := s.Connect(t.Context()); errors.Is(err, smtp.ErrConnected) || errors.Is(err, smtp.ErrClosed) {
					t.Errorf("Connect again: %v", err)
				}
			})
		}
	}
}

func TestHostile_H23_AHookMayCloseItsSession(t *testing.T) {
	for _, moment := range moments(t) {
		bubble(t, moment, func(t *testing.T) {
			e, s, srv := hooked(t, func(s *Session, _ context.Context, now string) {
				if now == moment {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
			})
			if !errors.Is(e.err, smtp.ErrClosed) && e.connect != nil {
				t.Errorf("Err: %v", e.err)
			}
			// 450: the attempt had failed by itself, and Close only ended what follows.
			if e.connect != nil && !errors.Is(e.connect, smtp.ErrClosed) && smtp.Code(e.connect) != 450 {
				t.Errorf("Connect: %v", e.connect)
			}
			if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrClosed) {
				t.Errorf("Connect again: %v", err)
			}
			ch, cancel := s.Subscribe(events.Filter{})
			defer cancel()
			<-ch // the state
			select {
			case e, open := <-ch:
				if open {
					t.Errorf("%v after Close", e)
				}
			default:
				t.Error("the channel of a closed session is open")
			}
			allClosed(t, srv)
		})
	}
}

func TestHostile_H23_ABlockingCallInAHookIsRefused(t *testing.T) {
	bubble(t, "H23", func(t *testing.T) {
		e, _, _ := hooked(t, func(s *Session, ctx context.Context, now string) {
			type key struct{}
			derived, cancel := context.WithCancel(context.WithValue(ctx, key{}, 1))
			defer cancel()
			for name, err := range map[string]error{
				"Connect":    s.Connect(derived),
				"Start":      s.Start(ctx),
				"Noop":       s.Noop(derived),
				"login":      logIn("PLAIN")(derived, s),
				"Wait":       s.Wait(ctx),
				"Disconnect": s.Disconnect(ctx),
			} {
				if !errors.Is(err, smtp.ErrInHook) {
					t.Errorf("%s: %s: %v", now, name, err)
				}
			}
			_, _, _ = s.Snapshot(), s.State(), s.Err()
		})
		if e.connect != nil || e.noop != nil || e.login != nil || e.disconnect != nil {
			t.Error(e)
		}
	})
}
