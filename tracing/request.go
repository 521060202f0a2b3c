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
		return SpanAuth
	case fsm.Mail:
		return SpanSend
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
	return append(attrs, KeyMessageSize.Int64(r.Octets), KeyOutcome.String(r.Outcome.String()),
		KeyAccepted.Int(accepted), KeyRejected.Int(len(r.Recipients)-accepted))
}

// startRequest begins the span of what a caller asked for: under the caller's
// span, with a link to the smtp.connect that made the session ready.
func (h *Hook) startRequest(ctx context.Context, s events.PhaseStart) context.Context {
	ctx = h.hide(ctx)
	t, name, in := h.current(), requestName(s.Phase), h.meters(ctx)
	if t == nil && in == nil {
		return ctx
	}
	inside := scope{level: levelPhase, in: in}
	if in != nil {
		inside.asked, inside.host = true, h.label(s.Request.Host)
		inside.life = h.lifeOf(s.Request)
		inside.life.turn(ctx, used)
	}
	if t == nil || name == "" {
		return h.open(ctx, inside, nil, "")
	}
	of := blank()
	defer of.giveBack()
	of.attrs = append(server(peer(of.attrs, s.Request.Peer), s.Request.Host, s.Request.Port),
		KeyProtocolName.String("smtp"), KeySessionID.Int64(int64(s.Request.Session)))
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(of.attrs...)}
	if s.Request.Connect != nil {
		if up := h.at(s.Request.Connect, levelConnect); up != nil && up.span != nil {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: up.span.SpanContext()}))
		}
	}
	return h.open(ctx, inside, t, name, opts...)
}
