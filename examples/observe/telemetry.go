package main

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/ehlo-go/ehlo/tracing"
)

// flushTime bounds the last flush of the spans.
const flushTime = 10 * time.Second

// telemetry is where spans and metrics go.
type telemetry struct {
	hook    *tracing.Hook        // of every session
	metrics *prometheus.Registry // what /metrics shows
	meters  *metric.MeterProvider
	tracers *sdktrace.TracerProvider // nil: no traces
	spans   *delivery                // nil with it
}

// openTelemetry makes the two providers and the hook that feeds them. Without a
// collector there are no traces, and they cost nothing.
func openTelemetry(ctx context.Context, collector *url.URL) (*telemetry, error) {
	who, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName("ehlo-observe")), resource.WithTelemetrySDK(),
		resource.WithFromEnv()) // the last one wins
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	t := &telemetry{metrics: prometheus.NewRegistry()}
	reader, err := exporter.New(exporter.WithRegisterer(t.metrics), exporter.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	t.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	t.meters = metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(who))
	config := tracing.Config{MeterProvider: t.meters}
	if collector != nil {
		otlp, err := otlptracehttp.New(ctx) // reads OTEL_EXPORTER_OTLP_* by itself, and dials nothing yet
		if err != nil {
			return nil, fmt.Errorf("traces: %w", err)
		}
		t.spans = &delivery{SpanExporter: otlp}
		t.tracers = sdktrace.NewTracerProvider(sdktrace.WithBatcher(t.spans), sdktrace.WithResource(who))
		config.TracerProvider = t.tracers
	}
	t.hook = tracing.New(config)
	return t, nil
}

// close sends the last spans. Its errors are those of any span that was lost.
func (t *telemetry) close(ctx context.Context) (failed []error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if t.tracers != nil {
		if err := t.tracers.Shutdown(ctx); err != nil {
			failed = append(failed, fmt.Errorf("the last spans: %w", err))
		}
		if _, lost, err := t.spans.counts(); lost > 0 {
			failed = append(failed, fmt.Errorf("%d spans did not reach the collector: %w", lost, err))
		}
	}
	if err := t.meters.Shutdown(ctx); err != nil {
		failed = append(failed, fmt.Errorf("metrics: %w", err))
	}
	return failed
}

// delivery is an exporter that counts what became of the spans. Without it, errors
// would come out of the SDK's global handler, every few seconds and into the status
// line.
type delivery struct {
	sdktrace.SpanExporter
	mu         sync.Mutex
	sent, lost int
	err        error // the newest
}

// ExportSpans sends spans and keeps the error.
func (d *delivery) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := d.SpanExporter.ExportSpans(ctx, spans)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.lost, d.err = d.lost+len(spans), err
		return nil
	}
	d.sent += len(spans)
	return nil
}

// counts returns how many spans reached the collector, how many did not, and why
// the newest of those did not.
func (d *delivery) counts() (sent, lost int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sent, d.lost, d.err
}
