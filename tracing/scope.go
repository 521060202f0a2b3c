package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// level is how deep a scope is nested.
type level uint8

const (
	levelConnect level = iota
	levelAttempt
	levelPhase
	levelCommand
)

// scope is a context between a Start and its End, with what is open: a span that
// records, a measurement, or both. One goroutine at a time has it.
type scope struct {
	context.Context
	hook  *Hook
	level level

	tracer trace.Tracer // for what is inside; nil if span is
	span   trace.Span   // nil if none records

	in    *instruments // nil if nothing is measured
	began time.Time    // zero if nothing is measured
	life  *life        // nil if the session is not counted: it is older than the provider
	host  string       // for server.address on metrics; "" if it has no place there
	asked bool         // a caller asked for it, and so the session is used
}

// key finds the innermost scope of one hook in a context. OpenTelemetry's
// own key will not do: another hook may have put a span of its own there. It is
// a lone pointer, so that asking for it allocates nothing.
type key struct{ hook *Hook }

// Value returns the scope itself to its hook.
func (s *scope) Value(k any) any {
	if k, ok := k.(key); ok && k.hook == s.hook {
		return s
	}
	return s.Context.Value(k)
}

// find returns the innermost scope, nil if there is none.
func (h *Hook) find(ctx context.Context) *scope {
	s, _ := ctx.Value(key{h}).(*scope)
	return s
}

// at returns the innermost scope if it is of the level asked for.
func (h *Hook) at(ctx context.Context, l level) *scope {
	if s := h.find(ctx); s != nil && s.level == l {
		return s
	}
	return nil
}

// open begins a scope: with a span if t is not nil, with a measurement if s has
// instruments. If neither records there is no scope, and the context is still the
// span's, so that what is inside belongs to the right trace.
func (h *Hook) open(ctx context.Context, s scope, t trace.Tracer, name string, opts ...trace.SpanStartOption) context.Context {
	if t != nil {
		var span trace.Span
		if ctx, span = t.Start(ctx, name, opts...); span.IsRecording() {
			s.tracer, s.span = t, span
		}
	}
	if s.span == nil && s.in == nil {
		return ctx
	}
	if s.in != nil && s.began.IsZero() {
		s.began = time.Now()
	}
	made := new(scope) // and not s, which would be on the heap where nothing records too
	*made = s
	made.Context, made.hook = ctx, h
	return made
}

// hide makes a Connect or request that records nothing forget the session around
// it, if there is one: a dialer may itself use a session, with the context it got.
// Otherwise the inner session would end the outer one's scopes.
func (h *Hook) hide(ctx context.Context) context.Context {
	if h.find(ctx) == nil {
		return ctx
	}
	return context.WithValue(ctx, key{h}, (*scope)(nil))
}
