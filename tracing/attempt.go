package tracing

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
)

// AttemptStart begins smtp.connect.attempt inside smtp.connect. It is the
// client span: one attempt talks to one server, a Connect may talk to several.
func (h *Hook) AttemptStart(ctx context.Context, s events.AttemptStart) context.Context {
	up := h.at(ctx, levelConnect)
	if up == nil {
		return ctx
	}
	if up.life != nil {
		up.life.version = noTLS // of the connection before
		up.life.turn(ctx, connecting)
	}
	inside := scope{level: levelAttempt, in: up.in, life: up.life, host: up.host}
	if up.tracer == nil {
		return h.open(ctx, inside, nil, "")
	}
	of := blank()
	defer of.giveBack()
	of.attrs = server(append(of.attrs, KeyAttempt.Int(s.Attempt)), s.Host, s.Port)
	if s.Delay > 0 {
		of.attrs = append(of.attrs, KeyBackoffDelay.Float64(s.Delay.Seconds()))
	}
	return h.open(ctx, inside, up.tracer, SpanAttempt,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(of.attrs...))
}

// AttemptEnd ends it.
func (h *Hook) AttemptEnd(ctx context.Context, e events.AttemptEnd) {
	s := h.at(ctx, levelAttempt)
	if s == nil {
		return
	}
	if s.life != nil && e.Retry {
		s.in.retries.add(ctx, s.host, e.Err)
		s.life.turn(ctx, backoff)
	}
	if s.span != nil {
		of := blank()
		of.attrs = peer(of.attrs, e.Peer)
		s.span.SetAttributes(of.attrs...)
		of.giveBack()
		s.end(e.Err)
	}
}
