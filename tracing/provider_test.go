package tracing_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace/noop"

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
