//go:build unix

package ehlo_test

import (
	"context"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/tracing"
)

// nowhere takes spans and forgets them.
type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }

func (nowhere) Shutdown(context.Context) error { return nil }

// BenchmarkTelemetry makes plain sessions, from New to QUIT, to one server in
// another process: without telemetry; with the SDK recording every span, every
// metric, and both; and both in compact mode. Each iteration is a round: a batch of
// each, in turns. The medians of the rounds are reported: the CPU of this process
// for a session, system calls and the batching of spans included, and how many
// times that without telemetry it is. One round says that it works, 30 what it
// costs: -benchtime 30x.
func BenchmarkTelemetry(b *testing.B) {
	sink := startMessageSink(b)
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(nowhere{}))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	b.Cleanup(func() {
		_ = tracers.Shutdown(context.Background())
		_ = meters.Shutdown(context.Background())
	})
	plain := session.Config{HostAddress: "127.0.0.1", RemotePort: sink.plain, LocalName: "client.test", Options: session.Extended}
	spans, metrics, recorded, compact := plain, plain, plain, plain
	spans.TracerProvider, metrics.MeterProvider = tracers, meters
	recorded.TracerProvider, recorded.MeterProvider = tracers, meters
	compact.Hooks = []events.Hook{tracing.New(tracing.Config{TracerProvider: tracers, MeterProvider: meters, Compact: true})}
	const atOnce, batch = 4, 1000
	works := []struct {
		name string
		by   []messenger
		cost []batchCost
	}{{name: "off"}, {name: "spans"}, {name: "metrics"}, {name: "both"}, {name: "compact"}}
	for i, c := range []session.Config{plain, spans, metrics, recorded, compact} {
		for range atOnce {
			works[i].by = append(works[i].by, func() error { return wholeSession(b, c) })
		}
		sendBatch(b, works[i].by, batch) // what the first session sets up
	}
	for round := 0; b.Loop(); round++ {
		for i := range works {
			w := &works[(i+round)%len(works)]
			w.cost = append(w.cost, sendBatch(b, w.by, batch))
		}
	}
	b.ReportMetric(0, "ns/op") // that of a round: says nothing
	for i, w := range works {
		var cpu, mallocs, ratio []float64
		for round, cost := range w.cost {
			cpu, mallocs = append(cpu, cost.cpu), append(mallocs, cost.mallocs)
			ratio = append(ratio, cost.cpu/works[0].cost[round].cpu)
		}
		b.ReportMetric(median(cpu), w.name+"-cpu-us/op")
		b.ReportMetric(median(mallocs), w.name+"-mallocs/op")
		if i > 0 {
			b.ReportMetric(median(ratio), "x-"+w.name)
		}
	}
}

// wholeSession is one from New to QUIT.
func wholeSession(b *testing.B, c session.Config) error {
	s, err := session.New(c)
	if err != nil {
		return err
	}
	if err := s.Connect(b.Context()); err != nil {
		return err
	}
	return s.Disconnect(b.Context())
}
