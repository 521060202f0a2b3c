package tracing

import (
	"context"

	"github.com/ehlo-go/ehlo/events"
)

// CommandStart begins the measurement of a command. There is no span of it.
func (h *Hook) CommandStart(ctx context.Context, s events.CommandStart) context.Context {
	in := h.meters(ctx)
	if in == nil {
		return ctx
	}
	inside := scope{level: levelCommand, in: in}
	if s.Request != nil {
		inside.asked, inside.host = true, h.label(s.Request.Host)
		inside.life = h.lifeOf(s.Request)
		inside.life.turn(ctx, used)
	} else if up := h.find(ctx); up != nil {
		inside.life, inside.host = up.life, up.host
	}
	return h.open(ctx, inside, nil, "")
}

// CommandEnd ends it.
func (h *Hook) CommandEnd(ctx context.Context, e events.CommandEnd) {
	if h.instruments.Load() == nil { // nothing was ever measured
		return
	}
	s := h.at(ctx, levelCommand)
	if s == nil {
		return
	}
	s.in.commands.since(ctx, s, e.Verb, e.Err)
	if s.asked {
		s.life.turn(ctx, idle)
	}
}
