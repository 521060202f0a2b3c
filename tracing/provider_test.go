package tracing_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/tracing"
)

// Not parallel: these tests change the global provider and put it back.

func TestProvider_GlobalIsAskedAtEachConnect(t *testing.T) {
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	for name, h := range map[string]*tracing.Hook{
		"none given":        tracing.New(tracing.Config{}),
		"placeholder given": tracing.New(tracing.Config{TracerProvider: before}),
	} {
		p, spans := record(t)
		otel.SetTracerProvider(p) // later than New
		explicit().tell(t, context.Background(), h)
		if len(spans.Ended()) != 8 {
			t.Errorf("%s: %d spans of a provider installed later", name, len(spans.Ended()))
		}

		q, others := record(t)
		otel.SetTracerProvider(q) // and replaced
		explicit().tell(t, context.Background(), h)
		if len(spans.Ended()) != 8 || len(others.Ended()) != 8 {
			t.Errorf("%s: %d old and %d new spans of a provider that was replaced", name, len(spans.Ended()), len(others.Ended()))
		}

		otel.SetTracerProvider(noop.NewTracerProvider())
		explicit().tell(t, context.Background(), h)
		if len(others.Ended()) != 8 {
			t.Errorf("%s: spans after the provider was taken away", name)
		}
	}
}

func TestProvider_GivenOneWins(t *testing.T) {
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	global, wrong := record(t)
	otel.SetTracerProvider(global)
	given, right := record(t)
	explicit().tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: given}))
	if len(wrong.Ended()) != 0 || len(right.Ended()) != 8 {
		t.Errorf("%d spans went to the global provider, %d to the given one", len(wrong.Ended()), len(right.Ended()))
	}
}

// The hook sleeps until there is an SDK, and not again once there was one. Commands
// are only measured, so a tracer does not wake it to them.
func TestHook_SleepsUntilThereIsAnSDK(t *testing.T) {
	before := otel.GetTracerProvider()
	p, _ := record(t)
	meters, _ := counting(t)
	for name, c := range map[string]struct {
		config  tracing.Config
		install func()
		before  bool // asleep
		meter   bool // there is one then
	}{
		"no SDK, later a tracer":        {tracing.Config{}, func() { otel.SetTracerProvider(p) }, true, false},
		"no SDK, later a meter":         {tracing.Config{}, func() { otel.SetMeterProvider(meters) }, true, true},
		"placeholders given, later":     {tracing.Config{TracerProvider: otel.GetTracerProvider(), MeterProvider: otel.GetMeterProvider()}, func() { otel.SetTracerProvider(p) }, true, false},
		"a tracer given":                {tracing.Config{TracerProvider: p}, func() {}, false, false},
		"a meter given":                 {tracing.Config{MeterProvider: meters}, func() {}, false, true},
		"a tracer given, later a meter": {tracing.Config{TracerProvider: p}, func() { otel.SetMeterProvider(meters) }, false, true},
	} {
		tracer, meter := otel.GetTracerProvider(), otel.GetMeterProvider()
		h := tracing.New(c.config)
		for _, to := range []events.Kind{events.Scopes, events.Commands, events.KindDial} {
			want := c.before
			if to == events.Commands {
				want = c.config.MeterProvider == nil || c.before
			}
			if h.Asleep(to) != want {
				t.Errorf("%s: asleep to %d: %v", name, to, !want)
			}
		}
		c.install()
		if h.Asleep(events.Scopes) {
			t.Errorf("%s: still asleep", name)
		}
		if h.Asleep(events.Commands) == c.meter {
			t.Errorf("%s: asleep to commands: %v", name, c.meter)
		}
		if otel.GetTracerProvider() != tracer {
			otel.SetTracerProvider(tracer)
		}
		if otel.GetMeterProvider() != meter {
			otel.SetMeterProvider(meter)
		}
		if h.Asleep(events.Scopes) {
			t.Errorf("%s: asleep again, with what was begun", name)
		}
		if h.Asleep(events.Commands) == c.meter {
			t.Errorf("%s: asleep again to commands: %v", name, c.meter)
		}
	}
	otel.SetTracerProvider(noop.NewTracerProvider()) // New sees an SDK
	h := tracing.New(tracing.Config{})
	otel.SetTracerProvider(before)
	if !h.Asleep(events.Scopes) {
		t.Error("awake though there is only a placeholder")
	}
}
