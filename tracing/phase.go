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
func phaseName(s events.PhaseStart) string {
	switch s.Phase {
	case fsm.Resolve:
		if s.Host == "" { // nobody is asked
			return ""
		}
		return SpanResolve
	case fsm.Dial:
		return SpanDial
	case fsm.TLS:
		return SpanTLS
	case fsm.Greeting:
		return SpanGreeting
	case fsm.Ehlo:
		return SpanEHLO
	case fsm.StartTLS:
		return SpanStartTLS
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
	up := h.at(ctx, levelAttempt)
	if up == nil {
		return ctx
	}
	inside := scope{level: levelPhase, in: up.in, life: up.life, host: up.host}
	name := phaseName(s)
	if h.compact || up.tracer == nil || name == "" {
		return h.open(ctx, inside, nil, "")
	}
	return h.open(ctx, inside, up.tracer, name)
}

// PhaseEnd ends it and says what the phase found out.
func (h *Hook) PhaseEnd(ctx context.Context, e events.PhaseEnd) {
	s := h.at(ctx, levelPhase)
	if s == nil {
		h.count(ctx, "", e.Receipt) // it began before there was a provider, or has no span and is not measured
		return
	}
	if s.in != nil {
		s.measure(ctx, e)
	}
	h.count(ctx, s.host, e.Receipt)
	if s.span == nil {
		return
	}
	of := blank()
	of.attrs = reply(question(of.attrs, e), e.Reply)
	if e.Mechanism != "" {
		of.attrs = append(of.attrs, KeyMechanism.String(smtp.Escape(e.Mechanism)))
	}
	of.attrs = message(handshake(of.attrs, e), e.Receipt)
	s.span.SetAttributes(of.attrs...)
	of.giveBack()
	s.end(e.Err)
}

// measure records how long the phase took.
func (s *scope) measure(ctx context.Context, e events.PhaseEnd) {
	if s.life != nil && e.TLS != nil && (e.Phase == fsm.TLS || e.Phase == fsm.StartTLS) { // and not a proxy's
		s.life.version = versionOf(e.TLS.Version)
	}
	s.in.phases.since(ctx, s, e.Phase.String(), e.Err)
	if s.asked {
		s.life.turn(ctx, idle)
	}
}

// question tells what DNS was asked and what it said.
func question(attrs []attribute.KeyValue, e events.PhaseEnd) []attribute.KeyValue {
	if e.Phase != fsm.Resolve {
		return attrs
	}
	if e.Host != "" {
		attrs = append(attrs, KeyDNSQuestion.String(smtp.Escape(e.Host)))
	}
	if len(e.Addrs) > 0 {
		answers := make([]string, 0, min(len(e.Addrs), maxAnswers))
		for _, a := range e.Addrs[:cap(answers)] {
			answers = append(answers, smtp.Escape(a.String()))
		}
		attrs = append(attrs, KeyDNSAnswers.StringSlice(answers))
	}
	return attrs
}
