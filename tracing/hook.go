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
	instruments   atomic.Pointer[instruments]

	spans   arrival[trace.TracerProvider]
	metrics arrival[metric.MeterProvider]
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
	h.spans.begin(h.tracer != nil, otel.GetTracerProvider())
	h.metrics.begin(h.meterProvider != nil, otel.GetMeterProvider())
	return h
}

// Asleep reports that there was no SDK yet for what it is asked about, so that the
// hook has nothing open there and nothing to do: commands are measured and have no
// span, all else has both. Once awake to a thing it does not sleep again, since it may
// have scopes that are open.
func (h *Hook) Asleep(to events.Kind) bool {
	return (to == events.Commands || !h.spans.seen(otel.GetTracerProvider)) && !h.metrics.seen(otel.GetMeterProvider)
}

// arrival is of a provider: one that was given, or the first that is installed.
type arrival[P comparable] struct {
	came  atomic.Bool
	unset P // what was in the place of a global one when the hook was made, or nil
}

func (a *arrival[P]) begin(given bool, global P) {
	a.came.Store(given)
	if placeholder(global) {
		a.unset = global
	}
}

// seen reports whether there is or was a provider.
func (a *arrival[P]) seen(global func() P) bool {
	if a.came.Load() {
		return true
	}
	if now := global(); now == a.unset || placeholder(now) { // to compare is much cheaper than to look
		return false
	}
	a.came.Store(true)
	return true
}
