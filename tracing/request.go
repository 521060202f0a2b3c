package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
)

// requestName returns the name of the span of what a caller asked for, "" if it
// has none.
func requestName(s fsm.State) string {
	if s == fsm.Auth {
		return "smtp.auth"
	}
	return ""
}

// startRequest begins the span of what a caller asked for: under the caller's
// span, with a link to the smtp.connect that made the session ready.
func (h *Hook) startRequest(ctx context.Context, s events.PhaseStart) context.Context {
	ctx = h.hide(ctx)
	t, name := h.current(), requestName(s.Phase)
	if t == nil || name == "" {
		return ctx
	}
	attrs := peer(make([]attribute.KeyValue, 0, maxAttributes), s.Request.Peer)
	attrs = append(server(attrs, s.Request.Host, s.Request.Port),
		keyProtocolName.String("smtp"), keySessionID.Int64(int64(s.Request.Session)))
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...)}
	if s.Request.Connect != nil {
		if o := h.at(s.Request.Connect, levelConnect); o != nil {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: o.span.SpanContext()}))
		}
	}
	return h.start(ctx, t, levelPhase, name, opts...)
}
