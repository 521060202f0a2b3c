package tracing_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// What became of messages, as a reader of metrics sees it.
func ExampleConfig_meterProvider() {
	reader := metric.NewManualReader()
	h := tracing.New(tracing.Config{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))})

	ctx := h.PhaseStart(context.Background(), events.PhaseStart{Phase: fsm.Mail, Request: &events.Request{}})
	h.PhaseEnd(ctx, events.PhaseEnd{Phase: fsm.Mail, Receipt: &smtp.Receipt{Outcome: smtp.Accepted}})

	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if m.Name != tracing.MetricMessages {
			continue
		}
		for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
			outcome, _ := point.Attributes.Value("smtp.message.outcome")
			fmt.Println(m.Name, outcome.AsString(), point.Value)
		}
	}
	// Output: smtp.client.messages accepted 1
}
