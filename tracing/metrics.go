package tracing

import (
	"context"
	"reflect"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/ehlo-go/ehlo/smtp"
)

// instruments are those of one provider, for any number of sessions. Safe for
// concurrent use.
type instruments struct {
	provider   metric.MeterProvider
	comparable bool // provider is, by ==
	silent     bool // nothing would be counted

	sessions metric.Int64UpDownCounter
	states   [states][]metric.AddOption // the attributes of sessions
	lives    histogram
	connects histogram
	phases   histogram
	commands histogram
	retries  counter
	messages counter
	missed   counter
	accepted []metric.AddOption // the attributes of most messages
}

// Buckets in seconds. A command is answered within a round trip, or, at the
// latest, as its timeout of five minutes runs out; a session may rest for an hour.
func short() []float64 {
	return []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300}
}

func long() []float64 {
	return []float64{0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}
}

func newInstruments(p metric.MeterProvider) *instruments {
	i := &instruments{provider: p, comparable: reflect.ValueOf(p).Comparable()}
	if _, ok := p.(noop.MeterProvider); ok || placeholder(p) {
		i.silent = true
		return i
	}
	m := p.Meter(ScopeName, metric.WithInstrumentationVersion(ScopeVersion), metric.WithSchemaURL(semconv.SchemaURL))
	handle := func(err error) {
		if err != nil {
			otel.Handle(err) // what comes with it counts, or counts nothing
		}
	}
	duration := func(name, what string, buckets []float64) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what), metric.WithExplicitBucketBoundaries(buckets...))
		handle(err)
		return h
	}
	count := func(name, unit, what string) counter {
		c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
		handle(err)
		return counter{c}
	}
	var err error
	i.sessions, err = m.Int64UpDownCounter(MetricSessions, metric.WithUnit("{session}"),
		metric.WithDescription("Sessions that there are, by what they do."))
	handle(err)
	for s := range i.states {
		i.states[s] = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(KeySessionState.String(state(s).String())))}
	}
	i.lives.Float64Histogram = duration(MetricSessionDuration, "From ready to the end of the session.", long())
	i.connects.Float64Histogram = duration(MetricConnectDuration, "Of one Connect or Start, back-off included.", short())
	i.phases.Float64Histogram = duration(MetricPhaseDuration, "Of one phase of a connect, of a login or of a message.", short())
	i.commands.Float64Histogram = duration(MetricCommandDuration, "From a command to its reply.", short())
	i.connects.tls, i.phases.tls, i.commands.tls = true, true, true
	i.lives.label("")
	i.connects.label("")
	i.phases.label(KeyPhase, phases()...)
	i.commands.label(KeyCommand, verbs()...)
	i.retries = count(MetricConnectRetries, "{retry}", "Attempts that failed and were made again.")
	i.messages = count(MetricMessages, "{message}", "Messages by what became of them.")
	i.missed = count(MetricEventsMissed, "{event}", "Events that found no room in a subscriber's channel.")
	i.accepted = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(KeyOutcome.String(smtp.Accepted.String())))}
	return i
}

// enabled reports whether anything would be counted.
func (i *instruments) enabled(ctx context.Context) bool {
	return !i.silent && (i.sessions.Enabled(ctx) || i.connects.Enabled(ctx) || i.phases.Enabled(ctx) || i.commands.Enabled(ctx) ||
		i.lives.Enabled(ctx) || i.messages.Enabled(ctx) || i.retries.Enabled(ctx) || i.missed.Enabled(ctx))
}

// of reports whether they are those of p, as far as that can be known.
func (i *instruments) of(p metric.MeterProvider) bool {
	if !i.comparable {
		return reflect.TypeOf(i.provider) == reflect.TypeOf(p)
	}
	return i.provider == p
}

// shelf lends the instruments of a provider to the next session's hook: to make
// them costs a tenth of a session. What is there is shared, not taken.
var shelf sync.Pool

// instrumentsOf returns the instruments of a provider. A program has one, or a
// few.
func instrumentsOf(p metric.MeterProvider) *instruments {
	var found *instruments
	others := make([]*instruments, 0, 3)
	for found == nil && len(others) < cap(others) {
		i, _ := shelf.Get().(*instruments)
		if i == nil {
			break
		}
		if i.of(p) {
			found = i
		} else {
			others = append(others, i)
		}
	}
	if found == nil {
		found = newInstruments(p)
	}
	shelf.Put(found) // first, to be found first
	for _, i := range others {
		shelf.Put(i)
	}
	return found
}

// meters returns the instruments of the provider there is now, nil if nothing
// would be counted. It allocates nothing in that case.
func (h *Hook) meters(ctx context.Context) *instruments {
	i := h.instruments.Load()
	if i == nil && !h.metrics.seen(otel.GetMeterProvider) { // the usual case without an SDK
		return nil
	}
	if p := h.meterProvider; p == nil || i == nil {
		if p == nil {
			p = otel.GetMeterProvider()
		}
		if i == nil || !i.of(p) {
			i = instrumentsOf(p)
			h.instruments.Store(i)
		}
	}
	if !i.enabled(ctx) {
		return nil
	}
	return i
}

// count counts a message. Its error is what Send returned, which a hook that
// panicked at the end of the phase does not change.
func (h *Hook) count(ctx context.Context, host string, r *smtp.Receipt) {
	if r == nil {
		return
	}
	i := h.meters(ctx)
	if i == nil || !i.messages.Enabled(ctx) {
		return
	}
	err := r.Err()
	if err == nil && host == "" {
		i.messages.Add(ctx, 1, i.accepted...)
		return
	}
	i.messages.add(ctx, host, err, KeyOutcome.String(r.Outcome.String()))
}

// EventsMissed counts the events that channels of subscribers had no room for.
func (h *Hook) EventsMissed(ctx context.Context, n uint64) {
	i := h.meters(ctx)
	if i == nil || !i.missed.Enabled(ctx) {
		return
	}
	host := ""
	if s := h.find(ctx); s != nil {
		host = s.host
	}
	i.missed.Add(ctx, int64(n), metric.WithAttributes(attributesOf(nil, host, nil)...))
}
