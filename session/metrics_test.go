package session

import (
	"context"
	"maps"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/ehlo-go/ehlo/tracing"
)

// smtp.client.messages counts what OnMessage tells, a transaction and a message
// that a panic ended too.
func TestSend_MetricsCountWhatOnMessageTells(t *testing.T) {
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	told := map[string]int64{}
	for _, end := range []smtptest.Step{smtptest.Usual(), smtptest.Say("554 5.7.1 no"), smtptest.Say("451 4.3.0 later"), smtptest.Close(), smtptest.SayRaw("what?\r\n"), nil} {
		srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": end}})
		config := reach(srv, Extended)
		config.Dialer, config.MeterProvider = srv, provider
		if end == nil {
			srv = memory(t, smtptest.Config{})
			config.Dialer = srv
			config.Hooks = []events.Hook{onEvent(events.KindRecipient, func(events.Event) { panic("boom") })}
		}
		s := newSession(t, config)
		evs := record(t, s)
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, _ = s.Send(t.Context(), to("a@example.net"))
		if end != nil {
			if tx, err := s.Begin(t.Context(), to("a@example.net").Mail); err == nil {
				_ = tx.Abort()
			}
		}
		_ = s.Close()
		for _, e := range evs() {
			if e, ok := e.(events.OnMessage); ok {
				told[e.Receipt.Outcome.String()]++
			}
		}
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	counted := map[string]int64{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if m.Name != tracing.MetricMessages {
			continue
		}
		for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
			outcome, _ := point.Attributes.Value(tracing.KeyOutcome)
			counted[outcome.AsString()] += point.Value
		}
	}
	if !maps.Equal(counted, told) || told["unknown"] == 0 || told["accepted"] == 0 || told["rejected"] == 0 || told["not_sent"] == 0 {
		t.Errorf("counted %v, told %v", counted, told)
	}
}
