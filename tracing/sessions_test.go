package tracing_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

func sessions(of ...string) []string {
	for i := range of {
		of[i] = "smtp.client.session.count smtp.session.state=" + of[i]
	}
	return of
}

func TestSessions_AreCountedWhereTheyAre(t *testing.T) {
	p, counted := counting(t)
	h := tracing.New(tracing.Config{MeterProvider: p})
	now := func(what string, want ...string) {
		t.Helper()
		same(t, what, counted(tracing.MetricSessions), sessions(want...)...)
	}
	connect := h.ConnectStart(context.Background(), events.ConnectStart{Session: 7})
	now("connecting", "connecting 1")
	attempt := h.AttemptStart(connect, events.AttemptStart{Attempt: 1})
	now("the first attempt", "connecting 1")
	h.AttemptEnd(attempt, events.AttemptEnd{Attempt: 1, Err: lost, Retry: true})
	now("backoff", "backoff 1", "connecting 0")
	attempt = h.AttemptStart(connect, events.AttemptStart{Attempt: 2})
	now("the next attempt", "backoff 0", "connecting 1")
	h.AttemptEnd(attempt, events.AttemptEnd{Attempt: 2})
	h.ConnectEnd(connect, events.ConnectEnd{Attempts: 2})
	now("ready", "backoff 0", "connecting 0", "idle 1")
	request := &events.Request{Session: 7, Connect: connect}
	mail := h.PhaseStart(context.Background(), events.PhaseStart{Phase: fsm.Mail, Request: request})
	now("a message", "backoff 0", "connecting 0", "idle 0", "used 1")
	rset := h.CommandStart(mail, events.CommandStart{Verb: "RSET"})
	h.CommandEnd(rset, events.CommandEnd{Verb: "RSET"})
	now("a command of it", "backoff 0", "connecting 0", "idle 0", "used 1")
	h.PhaseEnd(mail, events.PhaseEnd{Phase: fsm.Mail, Receipt: &smtp.Receipt{}})
	now("after it", "backoff 0", "connecting 0", "idle 1", "used 0")
	noop := h.CommandStart(context.Background(), events.CommandStart{Verb: "NOOP", Request: request})
	now("a command", "backoff 0", "connecting 0", "idle 0", "used 1")
	h.CommandEnd(noop, events.CommandEnd{Verb: "NOOP"})
	quit := h.CommandStart(connect, events.CommandStart{Verb: "QUIT"})
	now("QUIT", "backoff 0", "connecting 0", "idle 1", "used 0")
	h.CommandEnd(quit, events.CommandEnd{Verb: "QUIT"})
	for range 2 {
		h.LifeOver(connect, events.LifeOver{})
		now("the end", "backoff 0", "connecting 0", "idle 0", "used 0")
	}
	command(context.Background(), connect, h, "NOOP", nil) // after the end nothing counts it again
	now("late", "backoff 0", "connecting 0", "idle 0", "used 0")
}

func TestSessions_AConnectThatFails(t *testing.T) {
	p, counted := counting(t)
	h := tracing.New(tracing.Config{MeterProvider: p})
	connect := life{err: lost, attempts: []attempt{{err: lost}}}.tell(t, context.Background(), h)
	same(t, "before the end", counted(tracing.MetricSessions), sessions("connecting 0")...)
	h.LifeOver(connect, events.LifeOver{Err: lost})
	same(t, "counts", counted(tracing.MetricSessions, tracing.MetricSessionDuration, tracing.MetricConnectDuration),
		"smtp.client.connect.duration error.type=connection_lost 1",
		"smtp.client.session.count smtp.session.state=connecting 0")
}

// A session is taken from the provider that it was added to, whatever there is at
// its end, and one that is older than the provider is not counted.
func TestSessions_BalanceWithEachProvider(t *testing.T) {
	before := otel.GetMeterProvider()
	defer otel.SetMeterProvider(before)
	h := tracing.New(tracing.Config{})
	old := explicit().tell(t, context.Background(), h)
	p, first := counting(t)
	otel.SetMeterProvider(p)
	command(context.Background(), old, h, "NOOP", nil)
	h.LifeOver(old, events.LifeOver{})
	same(t, "older than the provider", first(tracing.MetricSessions), "")
	connect := explicit().tell(t, context.Background(), h)
	q, second := counting(t)
	otel.SetMeterProvider(q)
	command(context.Background(), connect, h, "NOOP", nil)
	otel.SetMeterProvider(before)
	h.LifeOver(connect, events.LifeOver{})
	same(t, "first", first(tracing.MetricSessions, tracing.MetricSessionDuration, tracing.MetricCommandDuration),
		"smtp.client.command.duration smtp.command=NOOP 1",
		"smtp.client.session.count smtp.session.state=connecting 0",
		"smtp.client.session.count smtp.session.state=idle 0",
		"smtp.client.session.count smtp.session.state=used 0",
		"smtp.client.session.duration  1")
	same(t, "second", second(tracing.MetricSessions, tracing.MetricCommandDuration),
		"smtp.client.command.duration smtp.command=NOOP,tls.protocol.version=1.3 1")
}

// A dialer may itself use a session under the same hook, with the context it got.
func TestSessions_ASessionInsideASession(t *testing.T) {
	p, counted := counting(t)
	h := tracing.New(tracing.Config{MeterProvider: p})
	l := retried()
	l.attempts[0].inside = func(ctx context.Context) {
		h.LifeOver(explicit().tell(t, ctx, h), events.LifeOver{})
	}
	h.LifeOver(l.tell(t, context.Background(), h), events.LifeOver{Err: lost})
	same(t, "counts", counted(tracing.MetricSessions, tracing.MetricSessionDuration, tracing.MetricConnectRetries),
		append([]string{"smtp.client.connect.retries error.type=421 1"},
			append(sessions("backoff 0", "connecting 0", "idle 0"),
				"smtp.client.session.duration  1", "smtp.client.session.duration error.type=connection_lost 1")...)...)
}

// Durations are seconds: a connect from ConnectStart's time to ready, back-off
// included, a session from there to its end.
func TestSessions_DurationsInSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		h := tracing.New(tracing.Config{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
		pass := func(d time.Duration) { <-time.After(d) }
		start := time.Now()
		pass(time.Second)
		connect := h.ConnectStart(context.Background(), events.ConnectStart{Time: start})
		attempt := h.AttemptStart(connect, events.AttemptStart{Attempt: 1})
		phase := h.PhaseStart(attempt, events.PhaseStart{Phase: fsm.Ehlo})
		command := h.CommandStart(phase, events.CommandStart{Verb: "EHLO"})
		pass(2 * time.Second)
		h.CommandEnd(command, events.CommandEnd{Verb: "EHLO"})
		pass(3 * time.Second)
		h.PhaseEnd(phase, events.PhaseEnd{Phase: fsm.Ehlo})
		h.AttemptEnd(attempt, events.AttemptEnd{Attempt: 1})
		pass(4 * time.Second)
		h.ConnectEnd(connect, events.ConnectEnd{Attempts: 1})
		pass(time.Minute)
		h.LifeOver(connect, events.LifeOver{})
		want := map[string]float64{tracing.MetricCommandDuration: 2, tracing.MetricPhaseDuration: 5, tracing.MetricConnectDuration: 10, tracing.MetricSessionDuration: 60}
		for _, m := range collect(t, reader) {
			if data, ok := m.Data.(metricdata.Histogram[float64]); ok && data.DataPoints[0].Sum != want[m.Name] {
				t.Errorf("%s is %v s, want %v", m.Name, data.DataPoints[0].Sum, want[m.Name])
			}
		}
	})
}
