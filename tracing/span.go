package tracing

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// The names of the spans. Those of the phases are in phase.go, those of what a
// caller asks for in request.go.
const (
	spanConnect = "smtp.connect"
	spanAttempt = "smtp.connect.attempt"
)

// level is how deep a span of ours is nested.
type level uint8

const (
	levelConnect level = iota
	levelAttempt
	levelPhase
)

// open is a recording span between its Start and its End.
type open struct {
	level  level
	tracer trace.Tracer // for what is inside
	span   trace.Span
}

// key finds the innermost open span of one hook in a context. OpenTelemetry's
// own key will not do: another hook may have put a span of its own there. It is
// a lone pointer, so that asking for it allocates nothing.
type key struct{ hook *Hook }

// at returns the innermost open span if it is of the level asked for.
func (h *Hook) at(ctx context.Context, l level) *open {
	if o, _ := ctx.Value(key{h}).(*open); o != nil && o.level == l {
		return o
	}
	return nil
}

// start begins a span. The context is the new one even if the span does not
// record, so that what is inside belongs to the right trace.
func (h *Hook) start(ctx context.Context, t trace.Tracer, l level, name string, opts ...trace.SpanStartOption) context.Context {
	ctx, span := t.Start(ctx, name, opts...)
	if !span.IsRecording() {
		return ctx
	}
	return context.WithValue(ctx, key{h}, &open{level: l, tracer: t, span: span})
}

// hide makes a Connect that records nothing forget the session around it, if
// there is one: a dialer may itself use a session, with the context it got.
// Otherwise the inner session would end the outer one's spans.
func (h *Hook) hide(ctx context.Context) context.Context {
	if o, _ := ctx.Value(key{h}).(*open); o == nil {
		return ctx
	}
	return context.WithValue(ctx, key{h}, (*open)(nil))
}
