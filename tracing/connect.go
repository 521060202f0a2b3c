package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
)

// ConnectStart begins smtp.connect under the span of ctx, and the session's life
// in smtp.client.session.count.
func (h *Hook) ConnectStart(ctx context.Context, s events.ConnectStart) context.Context {
	ctx = h.hide(ctx)
	t, in := h.current(), h.meters(ctx)
	if t == nil && in == nil {
		return ctx
	}
	inside := scope{level: levelConnect, in: in, began: s.Time}
	if in != nil {
		inside.host = h.label(s.Host)
		inside.life = &life{in: in, host: inside.host}
		inside.life.turn(ctx, connecting)
	}
	if t == nil {
		return h.open(ctx, inside, nil, "")
	}
	of := blank()
	defer of.giveBack()
	of.attrs = append(server(of.attrs, s.Host, s.Port), KeyProtocolName.String("smtp"), KeySessionID.Int64(int64(s.Session)))
	return h.open(ctx, inside, t, SpanConnect, trace.WithAttributes(of.attrs...))
}

// ConnectEnd ends it.
func (h *Hook) ConnectEnd(ctx context.Context, e events.ConnectEnd) {
	s := h.at(ctx, levelConnect)
	if s == nil {
		return
	}
	if s.life != nil {
		took := time.Since(s.began)
		s.in.connects.record(ctx, took, "", s.life.version, s.host, e.Err)
		if e.Err == nil {
			s.life.ready = s.began.Add(took)
			s.life.turn(ctx, idle)
		} else {
			s.life.turn(ctx, over)
		}
	}
	if s.span != nil {
		s.span.SetAttributes(KeyAttempts.Int(e.Attempts))
		s.end(e.Err)
	}
}
