package session

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/ehlo-go/ehlo/tracing"
)

// ledger is what events and hooks have told: how often, by a line of words.
type ledger struct {
	mu  sync.Mutex
	all map[string]int64
}

func (l *ledger) add(line ...string) {
	l.mu.Lock()
	l.all[strings.Join(line, " ")]++
	l.mu.Unlock()
}

// typeOf is what error.type has to be, "" without an error.
func typeOf(err error) string {
	if err == nil {
		return ""
	}
	return asError(err).ErrorType()
}

func (l *ledger) ConnectStart(ctx context.Context, _ events.ConnectStart) context.Context { return ctx }

func (l *ledger) ConnectEnd(context.Context, events.ConnectEnd) {}

func (l *ledger) AttemptStart(ctx context.Context, _ events.AttemptStart) context.Context { return ctx }

func (l *ledger) AttemptEnd(_ context.Context, e events.AttemptEnd) {
	l.add("span smtp.connect.attempt", typeOf(e.Err))
}

func (l *ledger) PhaseStart(ctx context.Context, _ events.PhaseStart) context.Context { return ctx }

func (l *ledger) PhaseEnd(_ context.Context, e events.PhaseEnd) {
	l.add(tracing.MetricPhaseDuration, typeOf(e.Err), e.Phase.String())
	name := "smtp." + e.Phase.String()
	if e.Phase == fsm.Mail {
		name = tracing.SpanSend
	}
	l.add("span", name, typeOf(e.Err))
}

func (l *ledger) CommandStart(ctx context.Context, _ events.CommandStart) context.Context { return ctx }

func (l *ledger) CommandEnd(_ context.Context, e events.CommandEnd) {
	verb := e.Verb
	if strings.HasPrefix(verb, "X") {
		verb = "_OTHER"
	}
	l.add(tracing.MetricCommandDuration, typeOf(e.Err), verb)
}

func (l *ledger) Kinds() events.Mask { return 0 }

func (l *ledger) Event(_ context.Context, e events.Event) {
	h := events.Handlers{
		OnConnect: func(events.OnConnect) {
			l.add(tracing.MetricConnectDuration, "")
			l.add("span smtp.connect", "")
		},
		OnError: func(e events.OnError) {
			if e.Final {
				l.add(tracing.MetricConnectDuration, typeOf(e.Err))
				l.add("span smtp.connect", typeOf(e.Err))
			}
		},
		OnRetry: func(e events.OnRetry) { l.add(tracing.MetricConnectRetries, typeOf(e.Err)) },
		OnMessage: func(e events.OnMessage) {
			l.add(tracing.MetricMessages, typeOf(e.Receipt.Err()), e.Receipt.Outcome.String())
		},
		OnCommand: func(e events.OnCommand) { l.add("asked for", e.Verb) },
	}
	_ = h.Handle(e)
}

// ofSession counts the ends of lives that were ready.
func (l *ledger) ofSession(evs []events.Event) {
	connected := false
	for _, e := range evs {
		connected = connected || e.Kind() == events.KindConnect
	}
	if last, ok := evs[len(evs)-1].(events.OnDisconnect); ok && connected {
		l.add(tracing.MetricSessionDuration, typeOf(last.Err))
	}
}

// saboteurs are the moments at which a hook panics. Not AttemptEnd and the way to
// backoff: that another attempt follows has been said by then, and it is not told
// again by OnRetry.
var saboteurs = []string{"ConnectStart", "ConnectEnd", "AttemptStart", "PhaseStart ehlo", "PhaseEnd greeting", "PhaseEnd mail", "CommandStart EHLO",
	"CommandStart NOOP", "CommandStart RCPT", "CommandEnd MAIL", "CommandEnd QUIT", "OnConnect", "OnRecipient", "OnMessage", "OnCommand", "OnRetry",
	"OnTimeout", "OnStateChange ready", "OnStateChange mail", "OnDisconnect"}

// troubled makes a life in a place where perhaps something goes wrong, and
// perhaps something else.
func troubled(t *testing.T, rng *rand.Rand, told *ledger, c func(*Config)) {
	all := append(faults(), fault{name: "a name", step: smtptest.Say("550 5.1.1 ann@example.net at [192.0.2.77] is unknown")})
	p := places()[rng.IntN(len(places()))]
	step := smtptest.Usual()
	if rng.IntN(4) > 0 {
		step = all[rng.IntN(len(all))].step
	}
	if rng.IntN(3) == 0 { // and then it passes
		step = smtptest.Sequence(step, smtptest.Usual())
	}
	srv := memory(t, p.server(step))
	config := p.config(srv)
	config.Retry = Retry{MaxAttempts: 1 + rng.IntN(3), Replies: rng.IntN(2) == 0}
	config.Flight = Flight(rng.IntN(3))
	config.Hooks = []events.Hook{told}
	if rng.IntN(4) == 0 {
		moment, once := saboteurs[rng.IntN(len(saboteurs))], rng.IntN(2) == 0
		times := 0
		config.Hooks = append(config.Hooks, &everyHook{open: new([]string), at: func(_ context.Context, now string) {
			if now == moment {
				if times++; times == 1 || !once {
					panic("boom")
				}
			}
		}})
	}
	if rng.IntN(20) == 0 {
		config.RemotePort = -1
	}
	c(&config)
	s := newSession(t, config)
	evs := record(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if rng.IntN(3) == 0 {
		end := []func(){cancel, func() { _ = s.Close() }, func() { go s.Disconnect(context.Background()) }, srv.CloseConns}[rng.IntN(4)]
		defer time.AfterFunc(time.Duration(rng.Int64N(3))*time.Duration(rng.Int64N(int64(400*time.Second))), end).Stop()
	}
	if err := s.Connect(ctx); err == nil {
		asks := []func(context.Context, *Session) error{noop, sendLetter, logIn("PLAIN"), func(ctx context.Context, s *Session) error {
			_, err := s.Command(ctx, "XNOTE ann@example.net")
			return err
		}, func(ctx context.Context, s *Session) error {
			tx, err := s.Begin(ctx, smtp.Mail{From: "ann@example.net"})
			if err != nil {
				return err
			}
			_ = tx.AddRecipient(ctx, smtp.Recipient{Address: "bob@example.net"})
			return tx.Abort()
		}}
		if p.ask != nil {
			_ = p.ask(ctx, s)
		}
		for range rng.IntN(4) {
			_ = asks[rng.IntN(len(asks))](ctx, s)
		}
		switch rng.IntN(3) {
		case 0:
			_ = s.Close()
		case 1:
			srv.CloseConns()
		default:
			_ = s.Disconnect(ctx)
		}
	}
	_ = s.Close()
	<-s.Done()
	heard := evs()
	if len(heard) > 1 { // not closed before it began
		told.ofSession(heard)
	}
}

// Events = metrics = spans, over lives with every kind of trouble, on hooks that
// are shared and on hooks of the sessions' own; and whatever ends a session, it is
// nowhere in smtp.client.session.count afterwards. No label names an address or a
// person.
func TestTelemetry_EventsAreMetricsAreSpans(t *testing.T) {
	bubble(t, "balance", func(t *testing.T) {
		const lives, atOnce = 1200, 6
		reader, recorder := metric.NewManualReader(), tracetest.NewSpanRecorder()
		meters := metric.NewMeterProvider(metric.WithReader(reader))
		tracers := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
		shared := tracing.New(tracing.Config{TracerProvider: tracers, MeterProvider: meters})
		told := &ledger{all: map[string]int64{}}
		seed := rand.Uint64()
		t.Log("seed", seed)
		var all sync.WaitGroup
		for worker := range uint64(atOnce) {
			all.Go(func() {
				rng := rand.New(rand.NewPCG(seed, worker))
				for i := range lives / atOnce {
					troubled(t, rng, told, func(c *Config) {
						if i%2 == 0 {
							c.TracerProvider, c.MeterProvider = tracers, meters
						} else {
							c.Hooks = append(c.Hooks, shared)
						}
					})
				}
			})
		}
		all.Wait()

		got := map[string]int64{}
		for _, span := range recorder.Ended() {
			set := attribute.NewSet(span.Attributes()...)
			errorType, _ := set.Value(tracing.KeyErrorType)
			if (span.Status().Code == codes.Error) != (errorType.AsString() != "") {
				t.Errorf("%s has the status %v and %v", span.Name(), span.Status(), errorType)
			}
			got[strings.Join([]string{"span", span.Name(), errorType.AsString()}, " ")]++
		}
		if n := len(recorder.Started()); n != len(recorder.Ended()) {
			t.Errorf("%d spans began, %d ended", n, len(recorder.Ended()))
		}
		labels := map[string]bool{}
		for line, n := range measured(t, reader, labels) {
			if strings.HasPrefix(line, tracing.MetricSessions) {
				if n != 0 {
					t.Errorf("%s is %d at the end", line, n)
				}
				continue
			}
			got[line] += n
		}
		want := map[string]int64{}
		for line, n := range told.all {
			if verb, ok := strings.CutPrefix(line, "asked for "); ok {
				if asked := sumOf(told.all, tracing.MetricCommandDuration, verb); verb == "NOOP" && asked != n {
					t.Errorf("OnCommand told %d NOOP, the hooks %d", n, asked)
				}
				continue
			}
			want[line] = n
		}
		for _, line := range slices.Sorted(maps.Keys(mergeKeys(got, want))) {
			if got[line] != want[line] {
				t.Errorf("%s: counted %d, told %d", line, got[line], want[line])
			}
		}
		for _, name := range []string{tracing.MetricConnectDuration, tracing.MetricConnectRetries, tracing.MetricPhaseDuration,
			tracing.MetricCommandDuration, tracing.MetricSessionDuration, tracing.MetricMessages, "span"} {
			if n := sumOf(got, name, ""); n < 20 {
				t.Errorf("%s: only %d", name, n)
			}
		}
		checkLabels(t, labels)
	})
}

func mergeKeys(a, b map[string]int64) map[string]int64 {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// sumOf adds up the lines that begin and end so.
func sumOf(of map[string]int64, prefix, suffix string) (n int64) {
	for line, count := range of {
		if strings.HasPrefix(line, prefix) && strings.HasSuffix(line, suffix) {
			n += count
		}
	}
	return n
}

// measured returns what was measured, a line for each metric, error.type and
// name, and lists all labels.
func measured(t *testing.T, reader metric.Reader, labels map[string]bool) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	add := func(name string, set attribute.Set, n int64) {
		line := []string{name, ""}
		for _, kv := range set.ToSlice() {
			labels[string(kv.Key)+"="+kv.Value.AsString()] = true
			switch kv.Key {
			case tracing.KeyErrorType:
				line[1] = kv.Value.AsString()
			case tracing.KeyPhase, tracing.KeyCommand, tracing.KeyOutcome, tracing.KeySessionState:
				line = append(line, kv.Value.AsString())
			}
		}
		got[strings.Join(line, " ")] += n
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Value)
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, int64(p.Count))
			}
		}
	}
	return got
}

// checkLabels fails for a label that is not one of our words or numbers: so none
// is an address of a machine or a person.
func checkLabels(t *testing.T, labels map[string]bool) {
	t.Helper()
	var kinds []string
	for k := range smtp.Kind(255) {
		kinds = append(kinds, regexp.QuoteMeta(k.String()))
	}
	allowed := regexp.MustCompile(fmt.Sprintf(`^(?:%s)$`, strings.Join([]string{
		`smtp\.session\.state=(?:connecting|idle|used|backoff)`,
		`smtp\.phase=(?:resolve|dial|tls|greeting|ehlo|starttls|auth|mail)`,
		`smtp\.command=(?:EHLO|HELO|STARTTLS|AUTH|NOOP|MAIL|RCPT|DATA|\.|BDAT|RSET|QUIT|_OTHER)`,
		`smtp\.message\.outcome=(?:accepted|rejected|not_sent|unknown)`,
		`tls\.protocol\.version=1\.[23]`,
		`error\.type=(?:[45][0-9][0-9]|` + strings.Join(kinds, "|") + `)`,
	}, "|")))
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		if t.Log(label); !allowed.MatchString(label) {
			t.Errorf("the label %q", label)
		}
	}
	for _, must := range []string{"smtp.command=_OTHER", "error.type=550", "tls.protocol.version=1.3", "smtp.session.state=backoff"} {
		if !labels[must] {
			t.Errorf("no label %q: too little was tried", must)
		}
	}
}
