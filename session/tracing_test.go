package session

import (
	"context"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/ehlo-go/ehlo/tracing"
)

// spansOf returns the names of the spans of one connect.
func spansOf(t *testing.T, c func(*sdk.TracerProvider) Config) map[string]int {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	srv := loopback(t, smtptest.Config{})
	config := c(provider)
	config.HostName, config.RemotePort = srv.Host(), srv.Port()
	_ = linked(t, config).Disconnect(t.Context())
	names := map[string]int{}
	for _, span := range recorder.Ended() {
		names[span.Name()]++
	}
	return names
}

func TestNew_TracesThroughTheProviderOfTheConfiguration(t *testing.T) {
	names := spansOf(t, func(p *sdk.TracerProvider) Config { return Config{TracerProvider: p} })
	for _, want := range []string{"smtp.connect", "smtp.connect.attempt", "smtp.resolve", "smtp.dial", "smtp.greeting", "smtp.ehlo"} {
		if names[want] != 1 {
			t.Errorf("%d spans %s", names[want], want)
		}
	}
}

func TestNew_AHookOfTracingReplacesItsOwn(t *testing.T) {
	names := spansOf(t, func(p *sdk.TracerProvider) Config {
		return Config{TracerProvider: p, Hooks: []events.Hook{tracing.New(tracing.Config{TracerProvider: p, Compact: true})}}
	})
	if len(names) != 2 || names["smtp.connect"] != 1 || names["smtp.connect.attempt"] != 1 {
		t.Errorf("%v", names)
	}
}
