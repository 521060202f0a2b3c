package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
)

// ConnectStart begins smtp.connect under the span of ctx.
func (h *Hook) ConnectStart(ctx context.Context, s events.ConnectStart) context.Context {
	ctx = h.hide(ctx)
	t := h.current()
	if t == nil {
		return ctx
	}
	attrs := server(make([]attribute.KeyValue, 0, maxAttributes), s.Host, s.Port)
	attrs = append(attrs, keyProtocolName.String("smtp"), keySessionID.Int64(int64(s.Session)))
	return h.start(ctx, t, levelConnect, spanConnect, trace.WithAttributes(attrs...))
}

// ConnectEnd ends it.
func (h *Hook) ConnectEnd(ctx context.Context, e events.ConnectEnd) {
	o := h.at(ctx, levelConnect)
	if o == nil {
		return
	}
	o.span.SetAttributes(keyAttempts.Int(e.Attempts))
	o.end(e.Err)
}
