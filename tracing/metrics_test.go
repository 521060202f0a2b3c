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

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// counting returns a provider and what it has counted of some metrics: a line for
// each set of attributes, with the number of durations or the sum.
func counting(t testing.TB) (metric.MeterProvider, func(names ...string) string) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	p := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	return p, func(names ...string) string {
		var lines []string
		for _, m := range collect(t, reader) {
			if !slices.Contains(names, m.Name) {
				continue
			}
			for _, p := range pointsOf(m) {
				lines = append(lines, fmt.Sprint(m.Name, " ", p.attrs.Encoded(attribute.DefaultEncoder()), " ", p.value))
			}
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n") + "\n"
	}
}

// collect returns the metrics of the library.
func collect(t testing.TB, reader sdkmetric.Reader) (all []metricdata.Metrics) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	for _, scope := range rm.ScopeMetrics {
		if scope.Scope.Name != tracing.ScopeName || scope.Scope.Version != tracing.ScopeVersion || scope.Scope.SchemaURL == "" {
			t.Errorf("scope %v", scope.Scope)
		}
		all = append(all, scope.Metrics...)
	}
	return all
}

type point struct {
	attrs attribute.Set
	value int64
}

// pointsOf returns the sums of a metric, or how often something was measured.
func pointsOf(m metricdata.Metrics) (all []point) {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			all = append(all, point{p.Attributes, p.Value})
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			all = append(all, point{p.Attributes, int64(p.Count)})
		}
	}
	return all
}

// everything tells a hook all that there is to measure.
func everything(t testing.TB, h *tracing.Hook) {
	for _, l := range []life{explicit(), retried(), {err: lost}} {
		ctx := l.tell(t, context.Background(), h)
		command(ctx, ctx, h, "NOOP", nil)
		login(context.Background(), ctx, h, nil)
		send(context.Background(), h, &smtp.Receipt{Outcome: smtp.Accepted}, nil)
		h.EventsMissed(ctx, 2)
		h.LifeOver(ctx, events.LifeOver{})
	}
}

var lost = &smtp.Error{Kind: smtp.KindLost}

// Each metric is the instrument that it should be, has a unit and says what it is;
// the buckets go to five minutes, those of a session's life further.
func TestMetrics_Instruments(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	everything(t, tracing.New(tracing.Config{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))}))
	want := map[string]string{
		tracing.MetricSessions:        "{session} up and down",
		tracing.MetricSessionDuration: "s up to 3600",
		tracing.MetricConnectDuration: "s up to 300",
		tracing.MetricPhaseDuration:   "s up to 300",
		tracing.MetricCommandDuration: "s up to 300",
		tracing.MetricConnectRetries:  "{retry} up",
		tracing.MetricMessages:        "{message} up",
		tracing.MetricEventsMissed:    "{event} up",
	}
	for _, m := range collect(t, reader) {
		got := m.Unit
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			if got += " up"; !data.IsMonotonic {
				got += " and down"
			}
		case metricdata.Histogram[float64]:
			bounds := data.DataPoints[0].Bounds
			if got += fmt.Sprint(" up to ", bounds[len(bounds)-1]); !slices.IsSorted(bounds) || len(bounds) < 10 {
				t.Errorf("%s has the buckets %v", m.Name, bounds)
			}
		}
		if got != want[m.Name] || !strings.HasSuffix(m.Description, ".") {
			t.Errorf("%s is %q (%s), want %q", m.Name, got, m.Description, want[m.Name])
		}
		delete(want, m.Name)
	}
	if len(want) > 0 {
		t.Errorf("never measured: %v", want)
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
		send(context.Background(), h, &smtp.Receipt{Outcome: c.outcome, Cause: c.err,
			Recipients: []smtp.RecipientReceipt{{Address: "ann@example.org", Outcome: c.outcome}}}, c.err)
	}
	send(context.Background(), h, &smtp.Receipt{Outcome: smtp.Accepted}, &smtp.Error{Kind: smtp.KindPanic}) // of a hook: the message is accepted
	login(context.Background(), nil, h, nil)                                                                // no message
	same(t, "counts", counted(tracing.MetricMessages),
		"smtp.client.messages error.type=550,smtp.message.outcome=rejected 1",
		"smtp.client.messages error.type=_OTHER,smtp.message.outcome=unknown 1",
		"smtp.client.messages error.type=connection_lost,smtp.message.outcome=unknown 1",
		"smtp.client.messages error.type=content,smtp.message.outcome=not_sent 1",
		"smtp.client.messages error.type=recipients_refused,smtp.message.outcome=accepted 1",
		"smtp.client.messages smtp.message.outcome=accepted 3")
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
		same(t, "global", counted(tracing.MetricMessages), "smtp.client.messages smtp.message.outcome=accepted 1")
	}
	own, counted := counting(t)
	given := tracing.New(tracing.Config{MeterProvider: own})
	send(context.Background(), given, r, nil)
	same(t, "given", counted(tracing.MetricMessages), "smtp.client.messages smtp.message.outcome=accepted 1")
}

// Hooks of sessions that share a provider share what was made for it.
func TestMetrics_InstrumentsAreMadeOnceForAProvider(t *testing.T) {
	p, counted := counting(t)
	made := &meterCount{MeterProvider: p}
	for range 100 {
		send(context.Background(), tracing.New(tracing.Config{MeterProvider: made}), &smtp.Receipt{Outcome: smtp.Accepted}, nil)
	}
	same(t, "counts", counted(tracing.MetricMessages), "smtp.client.messages smtp.message.outcome=accepted 100")
	if made.meters > 60 { // under the race detector sync.Pool forgets one of four
		t.Errorf("100 hooks made their instruments %d times", made.meters)
	}
}

type meterCount struct {
	metric.MeterProvider
	meters int
}

func (m *meterCount) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	m.meters++
	return m.MeterProvider.Meter(name, opts...)
}

// uncomparable is a provider that == would panic for.
type uncomparable struct {
	metric.MeterProvider
	_ []int
}

func TestMetrics_AProviderThatCannotBeCompared(t *testing.T) {
	before := otel.GetMeterProvider()
	defer otel.SetMeterProvider(before)
	p, counted := counting(t)
	otel.SetMeterProvider(uncomparable{MeterProvider: p})
	for range 2 {
		h := tracing.New(tracing.Config{})
		for range 3 {
			send(context.Background(), h, &smtp.Receipt{Outcome: smtp.Accepted}, nil)
		}
	}
	same(t, "counts", counted(tracing.MetricMessages), "smtp.client.messages smtp.message.outcome=accepted 6")
}

func TestMetrics_CostNothingWithoutAnSDK(t *testing.T) {
	accepted, lost := &smtp.Receipt{Outcome: smtp.Accepted}, &smtp.Error{Kind: smtp.KindLost}
	for name, p := range map[string]metric.MeterProvider{
		"nothing given": nil, "noop": noop.NewMeterProvider(), "the placeholder": otel.GetMeterProvider(), "no reader": sdkmetric.NewMeterProvider(),
	} {
		h := tracing.New(tracing.Config{MeterProvider: p})
		for _, err := range []error{nil, lost} {
			if n := testing.AllocsPerRun(100, func() { send(context.Background(), h, accepted, err) }); n > 1 { // the Request of this test
				t.Errorf("a message with %s, %v: %v allocations", name, err, n)
			}
			if n := testing.AllocsPerRun(100, func() { command(context.Background(), nil, h, "NOOP", err) }); n > 1 {
				t.Errorf("a command with %s, %v: %v allocations", name, err, n)
			}
		}
	}
}
