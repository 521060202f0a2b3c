package session

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

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
	config.HostName, config.Resolver, config.RemotePort = "localhost", addresses(srv.Host()), srv.Port()
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

// smtp.auth stands under the caller's span, with a link to the smtp.connect of
// its session, and its commands see the span.
func TestAuthenticate_IsASpanOfItsCaller(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	srv := memory(t, licensed(smtptest.Implicit, "LOGIN"))
	config := reach(srv, Extended|SecureImplicit)
	config.Dialer, config.TracerProvider = srv, provider
	s := linked(t, config)
	for _, secret := range []string{"wrong", ""} {
		ctx, caller := provider.Tracer("caller").Start(t.Context(), "caller"+secret)
		err := s.Authenticate(ctx, credentials("LOGIN", secret)...)
		caller.End() // smtp.auth has ended before Authenticate returned
		spans := recorder.Ended()
		got, last := spans[len(spans)-2], spans[len(spans)-1]
		if got.Name() != "smtp.auth" || got.Parent().SpanID() != last.SpanContext().SpanID() || (got.Status().Code == codes.Error) != (err != nil) {
			t.Errorf("%s under %v, status %v; %v", got.Name(), got.Parent().SpanID(), got.Status(), err)
		}
		attributes := attribute.NewSet(got.Attributes()...)
		if v, _ := attributes.Value("smtp.auth.mechanism"); v.AsString() != "LOGIN" {
			t.Errorf("%v", got.Attributes())
		}
		if v, _ := attributes.Value("smtp.session.id"); v.AsInt64() != int64(s.ID()) {
			t.Errorf("%v", got.Attributes())
		}
		links := got.Links()
		if len(links) != 1 || links[0].SpanContext.SpanID() != connectOf(spans) {
			t.Errorf("links %v", links)
		}
	}
}

// smtp.send stands under the caller's span, with a link to the smtp.connect of
// its session.
func TestSend_IsASpanOfItsCaller(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": smtptest.Sequence(smtptest.Usual(), smtptest.Say("554 5.7.1 no"))}})
	config := reach(srv, Extended)
	config.Dialer, config.TracerProvider = srv, provider
	s := linked(t, config)
	for _, want := range []string{"accepted", "rejected"} {
		ctx, caller := provider.Tracer("caller").Start(t.Context(), "caller")
		_, err := s.Send(ctx, to("a@example.net"))
		caller.End()
		spans := recorder.Ended()
		got, last := spans[len(spans)-2], spans[len(spans)-1]
		if got.Name() != "smtp.send" || got.Parent().SpanID() != last.SpanContext().SpanID() || (got.Status().Code == codes.Error) != (err != nil) {
			t.Errorf("%s under %v, status %v; %v", got.Name(), got.Parent().SpanID(), got.Status(), err)
		}
		attributes := attribute.NewSet(got.Attributes()...)
		if v, _ := attributes.Value("smtp.message.outcome"); v.AsString() != want {
			t.Errorf("%v", got.Attributes())
		}
		if links := got.Links(); len(links) != 1 || links[0].SpanContext.SpanID() != connectOf(spans) {
			t.Errorf("links %v", links)
		}
	}
}

func connectOf(spans []sdk.ReadOnlySpan) (id trace.SpanID) {
	for _, s := range spans {
		if s.Name() == "smtp.connect" {
			id = s.SpanContext().SpanID()
		}
	}
	return id
}

func TestNew_WhereNobodyIsAskedThereIsNoLookUpToTrace(t *testing.T) {
	names := spansOf(t, func(p *sdk.TracerProvider) Config {
		return Config{TracerProvider: p, HostAddress: "127.0.0.1"}
	})
	if names["smtp.resolve"] != 0 || names["smtp.dial"] != 1 {
		t.Error(names)
	}
}
