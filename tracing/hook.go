package tracing

import (
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
)

// Config says how sessions are traced. The zero value is good.
type Config struct {
	// TracerProvider makes the spans. If it is nil, the global provider does,
	// and is asked anew at each Connect and Authenticate: one installed after New counts.
	//
	// The eBPF auto-instrumentation works without a global provider. Programs
	// watched by it give the TracerProvider of go.opentelemetry.io/auto/sdk.
	TracerProvider trace.TracerProvider

	// MeterProvider is for the metrics; nil is the global one, asked anew at each
	// message.
	MeterProvider metric.MeterProvider

	// Compact leaves out the spans of the phases.
	Compact bool
}

// Hook traces and counts any number of sessions. It holds nothing of any
// one of them (spans travel in the context) and is safe for concurrent use.
type Hook struct {
	tracer  trace.Tracer // nil: the global provider's, asked at each Connect
	scope   []trace.TracerOption
	compact bool

	meterProvider metric.MeterProvider // nil: the global one
	instruments   atomic.Pointer[instruments]
}

var (
	_ events.ConnectHook = (*Hook)(nil)
	_ events.AttemptHook = (*Hook)(nil)
	_ events.PhaseHook   = (*Hook)(nil)
)

// New returns the hook. A zero Config uses the global providers.
func New(c Config) *Hook {
	h := &Hook{scope: scope(), compact: c.Compact, meterProvider: c.MeterProvider}
	if p := c.TracerProvider; p != nil && !placeholder(p) {
		h.tracer = p.Tracer(ScopeName, h.scope...)
	}
	return h
}
