package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
)

// AttemptStart begins smtp.connect.attempt inside smtp.connect. It is the
// client span: one attempt talks to one server, a Connect may talk to several.
func (h *Hook) AttemptStart(ctx context.Context, s events.AttemptStart) context.Context {
	o := h.at(ctx, levelConnect)
	if o == nil {
		return ctx
	}
	attrs := append(make([]attribute.KeyValue, 0, maxAttributes), keyAttempt.Int(s.Attempt))
	attrs = server(attrs, s.Host, s.Port)
	if s.Delay > 0 {
		attrs = append(attrs, keyBackoffDelay.Float64(s.Delay.Seconds()))
	}
	return h.start(ctx, o.tracer, levelAttempt, spanAttempt,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
}

// AttemptEnd ends it.
func (h *Hook) AttemptEnd(ctx context.Context, e events.AttemptEnd) {
	o := h.at(ctx, levelAttempt)
	if o == nil {
		return
	}
	o.span.SetAttributes(peer(make([]attribute.KeyValue, 0, maxAttributes), e.Peer)...)
	o.end(e.Err)
}
