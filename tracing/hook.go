package tracing

import (
	"sync/atomic"

	"go.opentelemetry.io/otel"
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
	// Connect, login, message and command. A session that began before there was a
	// provider is not in smtp.client.session.count.
	MeterProvider metric.MeterProvider

	// Compact leaves out the spans of the phases. Metrics have all.
	Compact bool

	// ServerAddress puts server.address, the host that was asked for, on every
	// metric. That makes a set of time series for each host, and measurements cost
	// more: for programs that talk to a few servers.
	ServerAddress bool
}

// Hook traces and counts any number of sessions. It holds nothing of any
// one of them (spans travel in the context) and is safe for concurrent use.
type Hook struct {
	tracer  trace.Tracer // nil: the global provider's, asked at each Connect
	scope   []trace.TracerOption
	compact bool

	meterProvider metric.MeterProvider // nil: the global one
	serverAddress bool
	woken         atomic.Bool
	unsetTracer   trace.TracerProvider // what New saw in place of a global one, or nil
	unsetMeter    metric.MeterProvider
	instruments   atomic.Pointer[instruments]
}

var (
	_ events.ConnectHook = (*Hook)(nil)
	_ events.AttemptHook = (*Hook)(nil)
	_ events.PhaseHook   = (*Hook)(nil)
	_ events.CommandHook = (*Hook)(nil)
	_ events.EndHook     = (*Hook)(nil)
	_ events.MissHook    = (*Hook)(nil)
	_ events.Sleeper     = (*Hook)(nil)
)

// New returns the hook. A zero Config uses the global providers.
func New(c Config) *Hook {
	h := &Hook{scope: instrumentation(), compact: c.Compact, meterProvider: c.MeterProvider, serverAddress: c.ServerAddress}
	if h.meterProvider != nil && placeholder(h.meterProvider) {
		h.meterProvider = nil // and there may be another later
	}
	if p := c.TracerProvider; p != nil && !placeholder(p) {
		h.tracer = p.Tracer(ScopeName, h.scope...)
	}
	h.woken.Store(h.tracer != nil || h.meterProvider != nil)
	if p := otel.GetTracerProvider(); placeholder(p) {
		h.unsetTracer = p
	}
	if p := otel.GetMeterProvider(); placeholder(p) {
		h.unsetMeter = p
	}
	return h
}

// Asleep reports, whatever it is asked about, that there was no SDK yet, so that the
// hook has nothing open and nothing to do. Once awake it does not sleep again, since
// it may have scopes that are open.
func (h *Hook) Asleep(events.Kind) bool {
	if h.woken.Load() {
		return false
	}
	if unset(otel.GetTracerProvider(), h.unsetTracer) && unset(otel.GetMeterProvider(), h.unsetMeter) {
		return true
	}
	h.woken.Store(true)
	return false
}
