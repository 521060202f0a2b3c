package tracing_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// counting returns a provider and what it has counted: a line for each set of
// attributes.
func counting(t *testing.T) (metric.MeterProvider, func() string) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	p := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	return p, func() string {
		var lines []string
		var all metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &all); err != nil {
			t.Fatal(err)
		}
		for _, scope := range all.ScopeMetrics {
			if scope.Scope.Name != tracing.ScopeName || scope.Scope.Version != tracing.ScopeVersion || scope.Scope.SchemaURL == "" {
				t.Errorf("scope %v", scope.Scope)
			}
			for _, m := range scope.Metrics {
				sum, ok := m.Data.(metricdata.Sum[int64])
				if !ok || !sum.IsMonotonic || m.Unit != "{message}" || m.Description == "" {
					t.Errorf("%+v", m)
				}
				for _, point := range sum.DataPoints {
					lines = append(lines, fmt.Sprint(m.Name, " ", point.Attributes.Encoded(attribute.DefaultEncoder()), " ", point.Value))
				}
			}
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n") + "\n"
	}
}

func TestMetrics_MessagesByOutcome(t *testing.T) {
	p, counted := counting(t)
	h := tracing.New(tracing.Config{MeterProvider: p})
	refused := &smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 550, Text: "no such user ann@example.org"}}
	for _, c := range []struct {
		outcome smtp.Outcome
		err     error
	}{
		{smtp.Accepted, nil}, {smtp.Accepted, nil}, {smtp.Accepted, &smtp.Error{Kind: smtp.KindSomeRefused, Err: refused}}, {smtp.Rejected, refused},
		{smtp.NotSent, &smtp.Error{Kind: smtp.KindContent}}, {smtp.Unknown, &smtp.Error{Kind: smtp.KindLost}}, {smtp.Unknown, fmt.Errorf("foreign")},
	} {
		send(context.Background(), h, &smtp.Receipt{Outcome: c.outcome, Recipients: []smtp.RecipientReceipt{{Address: "ann@example.org"}}}, c.err)
	}
	login(context.Background(), nil, h, nil) // no message
	same(t, "counts", counted(),
		"smtp.client.messages error.type=550,smtp.message.outcome=rejected 1",
		"smtp.client.messages error.type=_OTHER,smtp.message.outcome=unknown 1",
		"smtp.client.messages error.type=connection_lost,smtp.message.outcome=unknown 1",
		"smtp.client.messages error.type=content,smtp.message.outcome=not_sent 1",
		"smtp.client.messages error.type=recipients_refused,smtp.message.outcome=accepted 1",
		"smtp.client.messages smtp.message.outcome=accepted 2")
}

// The global provider is the one there is at the message; one that is given wins.
func TestMetrics_Provider(t *testing.T) {
	before := otel.GetMeterProvider()
	defer otel.SetMeterProvider(before)
	r := &smtp.Receipt{Outcome: smtp.Accepted}
	global := tracing.New(tracing.Config{})
	send(context.Background(), global, r, nil) // nobody counts
	for range 2 {
		p, counted := counting(t)
		otel.SetMeterProvider(p)
		send(context.Background(), global, r, nil)
		same(t, "global", counted(), "smtp.client.messages smtp.message.outcome=accepted 1")
	}
	own, counted := counting(t)
	given := tracing.New(tracing.Config{MeterProvider: own})
	send(context.Background(), given, r, nil)
	same(t, "given", counted(), "smtp.client.messages smtp.message.outcome=accepted 1")
}

func TestMetrics_CostNothingWithoutAnSDK(t *testing.T) {
	accepted, lost := &smtp.Receipt{Outcome: smtp.Accepted}, &smtp.Error{Kind: smtp.KindLost}
	for name, p := range map[string]metric.MeterProvider{"nothing given": nil, "noop": noop.NewMeterProvider()} {
		h := tracing.New(tracing.Config{MeterProvider: p})
		for _, err := range []error{nil, lost} {
			send(context.Background(), h, accepted, err)                                                        // makes what is made once
			if n := testing.AllocsPerRun(100, func() { send(context.Background(), h, accepted, err) }); n > 1 { // the Request of this test
				t.Errorf("%s, %v: %v allocations", name, err, n)
			}
		}
	}
}
