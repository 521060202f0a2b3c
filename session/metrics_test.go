package session

import (
	"context"
	"maps"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
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

// What the channels of one session miss while it connects, serves, rests and ends
// is one series, with server.address where that is asked for.
func TestMetrics_WhatIsMissedHasOneSetOfLabels(t *testing.T) {
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	srv := memory(t, smtptest.Config{})
	config := reach(srv, Extended)
	config.Dialer = srv
	missed := &missedBy{at: map[fsm.State]uint64{}}
	config.Hooks = []events.Hook{tracing.New(tracing.Config{MeterProvider: provider, ServerAddress: true}), missed}
	s := newSession(t, config)
	missed.state = s.State
	ch, stop := s.Subscribe(events.Filter{Buffer: 1})
	defer stop()
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), to("a@example.net")); err != nil {
		t.Fatal(err)
	}
	if err := s.Disconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	var told uint64
	for e := range ch {
		if e, ok := e.(events.Lagged); ok {
			told += e.Missed
		}
	}
	for _, st := range []fsm.State{fsm.Dial, fsm.Mail, fsm.Ready, fsm.Closed} {
		if missed.at[st] == 0 {
			t.Errorf("nothing was missed in %v: %v", st, missed.at)
		}
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if m.Name != tracing.MetricEventsMissed {
			continue
		}
		points := m.Data.(metricdata.Sum[int64]).DataPoints
		if host, _ := points[0].Attributes.Value(tracing.KeyServerAddress); len(points) != 1 || host.AsString() != srv.Host() || points[0].Value != int64(told) {
			t.Errorf("%d were missed, counted %+v", told, points)
		}
		return
	}
	t.Error("nothing was counted")
}

// missedBy counts what was missed, by the state of its session.
type missedBy struct {
	state func() fsm.State
	at    map[fsm.State]uint64
}

func (m *missedBy) EventsMissed(_ context.Context, n uint64) { m.at[m.state()] += n }
