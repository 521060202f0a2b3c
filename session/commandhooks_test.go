package session

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// commandScopes counts the commands that are open, and panics at the start of one
// of them.
type commandScopes struct {
	panicAt int
	begun   int
	ended   int
}

func (h *commandScopes) CommandStart(ctx context.Context, _ events.CommandStart) context.Context {
	h.begun++
	if h.begun == h.panicAt {
		panic("boom")
	}
	return ctx
}

func (h *commandScopes) CommandEnd(context.Context, events.CommandEnd) { h.ended++ }

// Whichever command of a message meets a hook that panics, each that has begun
// has its end, those of the same flight too.
func TestSend_EveryCommandThatBeginsEndsThoughAHookPanics(t *testing.T) {
	for _, chunked := range []bool{true, false} {
		for _, flight := range []Flight{Envelope, Full, Single} {
			for at := 2; at <= 6; at++ { // behind EHLO
				t.Run(fmt.Sprintf("%v/chunked=%v/%d", flight, chunked, at), func(t *testing.T) {
					srv := memory(t, smtptest.Config{})
					hook := &commandScopes{panicAt: at}
					c := reach(srv, Extended)
					c.Dialer, c.Hooks, c.Flight = srv, []events.Hook{hook}, flight
					if !chunked {
						c.DiscardKeywords = []string{"CHUNKING"}
					}
					s := linked(t, c)
					_, err := s.Send(t.Context(), to("a@example.net", "b@example.net"))
					if hook.begun >= at && !errors.Is(err, smtp.ErrPanic) {
						t.Errorf("%v", err)
					}
					_ = s.Disconnect(t.Context())
					<-s.Done()
					if hook.begun != hook.ended {
						t.Errorf("%d began, %d ended", hook.begun, hook.ended)
					}
				})
			}
		}
	}
}
