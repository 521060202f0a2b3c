package work

import (
	"context"
	"errors"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/ehlo-go/ehlo/bench/internal/peer"
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/tracing"
)

// The contestants of the work of telemetry.
const (
	telemetryNone    = "none"    // providers that do nothing are given
	telemetryOff     = "off"     // nothing is given: the global ones, which are not set
	telemetrySpans   = "spans"   // the SDK records every span
	telemetryMetrics = "metrics" // it records every metric
	telemetryBoth    = "both"
	telemetryCompact = "compact" // every span but those of phases
	telemetryBatched = "batched" // every span, and the SDK's batcher hands them on
)

// nowhere takes spans and forgets them.
type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }

func (nowhere) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func (nowhere) OnEnd(sdktrace.ReadOnlySpan) {}

func (nowhere) ForceFlush(context.Context) error { return nil }

func (nowhere) Shutdown(context.Context) error { return nil }

// telemetry is plain sessions, observed more and more. Its rounds are many because its
// ratios are close to one, and to their marks.
func telemetry(name string, batch int) Work {
	w := Work{Name: name, Unit: "session", Batch: batch, Quick: 40, Rounds: 10}
	for _, column := range []string{telemetryNone, telemetryOff, telemetrySpans, telemetryCompact, telemetryMetrics, telemetryBoth, telemetryBatched} {
		w.Peers = append(w.Peers, Contestant{column, func(_ context.Context, b *Bed) (*Bench, error) {
			config, shutdown := observed(column)
			bench := sessionBench(b, peer.Ehlo{Column: column, Config: config}, peer.Clear)
			bench.Close = shutdown
			return bench, nil
		}})
	}
	return w
}

// observed returns a configuration, and what ends its providers.
func observed(column string) (c session.Config, shutdown func() error) {
	processor := sdktrace.WithSpanProcessor(nowhere{})
	if column == telemetryBatched {
		processor = sdktrace.WithBatcher(nowhere{})
	}
	tracers := sdktrace.NewTracerProvider(processor)
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	switch column {
	case telemetryNone:
		c.TracerProvider, c.MeterProvider = tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider()
	case telemetrySpans, telemetryBatched:
		c.TracerProvider = tracers
	case telemetryMetrics:
		c.MeterProvider = meters
	case telemetryBoth:
		c.TracerProvider, c.MeterProvider = tracers, meters
	case telemetryCompact:
		c.Hooks = []events.Hook{tracing.New(tracing.Config{TracerProvider: tracers, Compact: true})}
	}
	return c, func() error {
		return errors.Join(tracers.Shutdown(context.Background()), meters.Shutdown(context.Background()))
	}
}
