package tracing_test

import (
	"context"
	"errors"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// bare tells a life with nothing around the hook that could cost.
func bare(h *tracing.Hook, ctx context.Context, phases []events.PhaseEnd, err error) {
	connect := h.ConnectStart(ctx, events.ConnectStart{Session: 1, Life: 1, Host: "mail.example.org", Port: 25})
	attempts(h, connect, phases, err)
	h.ConnectEnd(connect, events.ConnectEnd{Attempts: 1, Err: err})
	h.LifeOver(connect, events.LifeOver{Err: err})
}

func attempts(h *tracing.Hook, connect context.Context, phases []events.PhaseEnd, err error) {
	attempt := h.AttemptStart(connect, events.AttemptStart{Attempt: 1, Delay: 1, Host: "mail.example.org", Port: 25})
	for _, e := range phases {
		e.Err = err
		phase := h.PhaseStart(attempt, events.PhaseStart{Phase: e.Phase, Host: e.Host})
		h.CommandEnd(h.CommandStart(phase, events.CommandStart{Verb: "EHLO"}), events.CommandEnd{Verb: "EHLO", Err: err})
		h.PhaseEnd(phase, e)
	}
	h.AttemptEnd(attempt, events.AttemptEnd{Attempt: 1, Peer: peer4, Err: err})
}

func TestCost_NothingWithoutAnSDK(t *testing.T) {
	off, _ := record(t)
	off.Shutdown(context.Background())
	sdk, _ := record(t)
	traced, span := sdk.Tracer("caller").Start(context.Background(), "caller")
	defer span.End()
	phases := explicit().attempts[0].phases
	for name, p := range map[string]trace.TracerProvider{
		"nothing given":       nil,
		"the global provider": otel.GetTracerProvider(),
		"noop provider":       noop.NewTracerProvider(),
		"provider shut down":  off,
	} {
		h := tracing.New(tracing.Config{TracerProvider: p})
		for what, ctx := range map[string]context.Context{"plain": context.Background(), "traced": traced} {
			for _, err := range []error{nil, &smtp.Error{Kind: smtp.KindTimeout}, errors.New("other")} {
				if n := testing.AllocsPerRun(100, func() { bare(h, ctx, phases, err) }); n != 0 {
					t.Errorf("%s, %s context, error %v: %v allocations", name, what, err, n)
				}
			}
		}
	}
}

func TestCost_NothingInsideASampledOutConnect(t *testing.T) {
	p, _ := record(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	h := tracing.New(tracing.Config{TracerProvider: p})
	connect := h.ConnectStart(context.Background(), events.ConnectStart{Session: 1, Host: "mail.example.org", Port: 25})
	phases := explicit().attempts[0].phases
	if n := testing.AllocsPerRun(100, func() { attempts(h, connect, phases, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What a session of a configuration costs at its first measurement, beside a hook
// that all share and beside one that has to make its instruments.
func BenchmarkFirstMeasurement(b *testing.B) {
	provider := func() metric.MeterProvider {
		return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	}
	p := provider()
	kept := tracing.New(tracing.Config{MeterProvider: p})
	for _, c := range []struct {
		name string
		hook func() *tracing.Hook
	}{
		{"a hook for all", func() *tracing.Hook { return kept }},
		{"a hook of its own", func() *tracing.Hook { return tracing.New(tracing.Config{MeterProvider: p}) }},
		{"instruments of its own", func() *tracing.Hook {
			return tracing.New(tracing.Config{MeterProvider: alone{MeterProvider: p, is: new(int)}})
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h := c.hook()
				ctx := h.ConnectStart(context.Background(), events.ConnectStart{})
				h.ConnectEnd(ctx, events.ConnectEnd{})
				h.LifeOver(ctx, events.LifeOver{})
			}
		})
	}
}

// alone is no other provider.
type alone struct {
	metric.MeterProvider
	is *int
}

func BenchmarkLife(b *testing.B) {
	sampled := sdktrace.NewTracerProvider()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	never := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	for name, c := range map[string]tracing.Config{
		"no SDK":      {},
		"sampled out": {TracerProvider: never},
		"recorded":    {TracerProvider: sampled},
		"compact":     {TracerProvider: sampled, Compact: true},
		"measured":    {MeterProvider: meters},
		"both":        {TracerProvider: sampled, MeterProvider: meters},
	} {
		b.Run(name, func(b *testing.B) {
			h := tracing.New(c)
			phases := explicit().attempts[0].phases
			b.ReportAllocs()
			for b.Loop() {
				bare(h, context.Background(), phases, nil)
			}
		})
	}
	b.Run("recorded, global", func(b *testing.B) {
		defer otel.SetTracerProvider(otel.GetTracerProvider())
		otel.SetTracerProvider(sampled)
		h := tracing.New(tracing.Config{})
		phases := explicit().attempts[0].phases
		b.ReportAllocs()
		for b.Loop() {
			bare(h, context.Background(), phases, nil)
		}
	})
}
