package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// lifeHook keeps what it hears of the lives of one session.
type lifeHook struct {
	heard []string
	at    func(moment string, h events.Handle)
}

func (l *lifeHook) LifeStart(_ context.Context, h events.Handle) { l.hear("start", h) }

func (l *lifeHook) LifeEnd(_ context.Context, h events.Handle) { l.hear("end", h) }

func (l *lifeHook) hear(moment string, h events.Handle) {
	l.heard = append(l.heard, fmt.Sprintf("%s of %d in %v", moment, h.ID, h.Snapshot().State))
	if l.at != nil {
		l.at(moment, h)
	}
}

// last is told of the last events, to find out which comes first.
func (l *lifeHook) Kinds() events.Mask {
	return events.MaskOf(events.KindConnect, events.KindDisconnect, events.KindError)
}

func (l *lifeHook) Event(_ context.Context, e events.Event) {
	l.heard = append(l.heard, e.Kind().String())
}

func (l *lifeHook) want(t *testing.T, s *Session, want ...string) {
	t.Helper()
	for i, w := range want {
		want[i] = strings.ReplaceAll(w, "#", fmt.Sprint(s.ID()))
	}
	if !slices.Equal(l.heard, want) {
		t.Errorf("heard %q, want %q", l.heard, want)
	}
}

func TestLifeHook_EveryBeginHasItsEndBeforeDone(t *testing.T) {
	bubble(t, "lives", func(t *testing.T) {
		hook := &lifeHook{}
		c := place{options: Extended}.config(memory(t, smtptest.Config{}))
		c.Hooks = []events.Hook{hook}
		s := newSession(t, c)
		if err := s.Connect(t.Context(), WithRemotePort(-1)); !errors.Is(err, smtp.ErrInvalid) {
			t.Fatal(err)
		}
		hook.want(t, s, "start of # in idle", "OnError", "end of # in closed")
		hook.heard = nil
		for range 2 {
			if err := s.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrConnected) { // begins none
				t.Fatal(err)
			}
			if err := s.Disconnect(t.Context()); err != nil {
				t.Fatal(err)
			}
			hook.want(t, s, "start of # in closed", "OnConnect", "OnDisconnect", "end of # in closed")
			hook.heard = nil
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Connect(canceled); !errors.Is(err, smtp.ErrCanceled) {
			t.Fatal(err)
		}
		hook.want(t, s, "start of # in closed", "OnError", "end of # in closed")
		_ = s.Close()
		hook.heard = nil
		if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrClosed) {
			t.Fatal(err)
		}
		hook.want(t, s)
	})
}

func TestLifeHook_ItsHandleClosesTheSessionFromTheVeryFirst(t *testing.T) {
	for _, moment := range []string{"start", "end"} {
		bubble(t, moment, func(t *testing.T) {
			hook := &lifeHook{at: func(now string, h events.Handle) {
				if now == moment {
					if err := h.Close(); err != nil {
						t.Error(err)
					}
				}
			}}
			c := place{options: Extended}.config(memory(t, smtptest.Config{}))
			c.Hooks = []events.Hook{hook}
			s := newSession(t, c)
			err := s.Connect(t.Context())
			if moment == "start" && !errors.Is(err, smtp.ErrClosed) || moment == "end" && err != nil {
				t.Fatal(err)
			}
			_ = s.Disconnect(t.Context())
			within(t, s.Done(), "the end")
			if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrClosed) {
				t.Error(err)
			}
			if n := len(hook.heard); n < 2 || !strings.HasPrefix(hook.heard[0], "start") || !strings.HasPrefix(hook.heard[n-1], "end") {
				t.Errorf("%q", hook.heard)
			}
		})
	}
}

func TestLifeHook_APanicAsALifeBeginsIsOneFinalError(t *testing.T) {
	bubble(t, "panic", func(t *testing.T) {
		hook := &lifeHook{at: func(now string, _ events.Handle) {
			if now == "start" {
				panic("boom")
			}
		}}
		c := place{options: Extended}.config(memory(t, smtptest.Config{}))
		c.Hooks = []events.Hook{hook}
		s := newSession(t, c)
		if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrPanic) {
			t.Fatal(err)
		}
		hook.want(t, s, "start of # in idle", "OnError", "end of # in closed")
	})
}

func TestLifeHook_WithoutOneALifeCostsNothing(t *testing.T) {
	s := newSession(t, Config{})
	a := newActor(s, s.life, plan{}, t.Context())
	if n := testing.AllocsPerRun(100, func() {
		_ = a.beginLife()
		a.endLife()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSnapshot_TellsTheOctetsOfTheLifeAndTheNewestReply(t *testing.T) {
	bubble(t, "octets", func(t *testing.T) {
		srv := memory(t, smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{
			"GREETING": smtptest.Sequence(smtptest.Say("450 later"), smtptest.Usual()),
			"NOOP":     smtptest.Say("250 awake"),
		}})
		c := place{options: Extended | SecureExplicit}.config(srv)
		c.Retry.Replies = true
		var wrote, read int64
		dial := c.Dialer
		c.Dialer = dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial.DialContext(ctx, network, address)
			return countingConn{conn, &wrote, &read}, err
		})
		s := linked(t, c)
		if err := s.Noop(t.Context()); err != nil {
			t.Fatal(err)
		}
		at := s.Snapshot()
		if at.Reply.Text != "awake" || at.State != fsm.Ready {
			t.Errorf("the newest reply is %v in %v", at.Reply, at.State)
		}
		if err := sendLetter(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if now := s.Snapshot(); now.Written <= at.Written || now.Read <= at.Read || at.Written == 0 || at.Read == 0 {
			t.Errorf("%d and %d octets, then %d and %d", at.Written, at.Read, now.Written, now.Read)
		}
		if err := s.Disconnect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if at := s.Snapshot(); at.Written != wrote || at.Read != read { // both connections
			t.Errorf("%d and %d octets, want %d and %d", at.Written, at.Read, wrote, read)
		}
	})
}

// countingConn counts what passes it.
type countingConn struct {
	net.Conn
	wrote, read *int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	*c.read += int64(n)
	return n, err
}

func (c countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	*c.wrote += int64(n)
	return n, err
}
