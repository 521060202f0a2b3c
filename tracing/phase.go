package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// maxAnswers bounds dns.answers: a hostile zone has thousands.
const maxAnswers = 32

// phaseName returns the name of a phase's span, "" if it has none.
func phaseName(s fsm.State) string {
	switch s {
	case fsm.Resolve:
		return "smtp.resolve"
	case fsm.Dial:
		return "smtp.dial"
	case fsm.TLS:
		return "smtp.tls"
	case fsm.Greeting:
		return "smtp.greeting"
	case fsm.Ehlo:
		return "smtp.ehlo"
	case fsm.StartTLS:
		return "smtp.starttls"
	default: // not on the way to ready
		return ""
	}
}

// PhaseStart begins the span of a phase inside its attempt, or that of what a
// caller asked for.
func (h *Hook) PhaseStart(ctx context.Context, s events.PhaseStart) context.Context {
	if s.Request != nil {
		return h.startRequest(ctx, s)
	}
	if h.compact {
		return ctx
	}
	o := h.at(ctx, levelAttempt)
	name := phaseName(s.Phase)
	if o == nil || name == "" {
		return ctx
	}
	return h.start(ctx, o.tracer, levelPhase, name)
}

// PhaseEnd ends it and says what the phase found out.
func (h *Hook) PhaseEnd(ctx context.Context, e events.PhaseEnd) {
	h.count(ctx, e.Receipt, e.Err)
	o := h.at(ctx, levelPhase)
	if o == nil {
		return
	}
	attrs := make([]attribute.KeyValue, 0, maxAttributes)
	attrs = question(attrs, e)
	attrs = reply(attrs, e.Reply)
	if e.Mechanism != "" {
		attrs = append(attrs, keyMechanism.String(smtp.Escape(e.Mechanism)))
	}
	attrs = handshake(attrs, e)
	attrs = message(attrs, e.Receipt)
	o.span.SetAttributes(attrs...)
	o.end(e.Err)
}

// question tells what DNS was asked and what it said.
func question(attrs []attribute.KeyValue, e events.PhaseEnd) []attribute.KeyValue {
	if e.Phase != fsm.Resolve {
		return attrs
	}
	if e.Host != "" {
		attrs = append(attrs, keyDNSQuestion.String(smtp.Escape(e.Host)))
	}
	if len(e.Addrs) > 0 {
		answers := make([]string, 0, min(len(e.Addrs), maxAnswers))
		for _, a := range e.Addrs[:cap(answers)] {
			answers = append(answers, smtp.Escape(a.String()))
		}
		attrs = append(attrs, keyDNSAnswers.StringSlice(answers))
	}
	return attrs
}
