package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// requestName returns the name of the span of what a caller asked for, "" if it
// has none.
func requestName(s fsm.State) string {
	switch s {
	case fsm.Auth:
		return "smtp.auth"
	case fsm.Mail:
		return "smtp.send"
	default:
		return ""
	}
}

// message tells what became of a message: numbers and words of ours, no address.
func message(attrs []attribute.KeyValue, r *smtp.Receipt) []attribute.KeyValue {
	if r == nil {
		return attrs
	}
	accepted := 0
	for i := range r.Recipients {
		if r.Recipients[i].Outcome == smtp.Accepted {
			accepted++
		}
	}
	return append(attrs, keyMessageSize.Int64(r.Octets), keyOutcome.String(r.Outcome.String()),
		keyAccepted.Int(accepted), keyRejected.Int(len(r.Recipients)-accepted))
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
