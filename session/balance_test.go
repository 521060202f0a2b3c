package session

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/ehlo-go/ehlo/tracing"
)

// saboteurs are the moments at which a hook panics. Not AttemptEnd and the way to
// backoff: that another attempt follows has been said by then, and it is not told
// again by OnRetry.
var saboteurs = []string{"ConnectStart", "ConnectEnd", "AttemptStart", "PhaseStart ehlo", "PhaseEnd greeting", "PhaseEnd mail", "CommandStart EHLO",
	"CommandStart NOOP", "CommandStart RCPT", "CommandEnd MAIL", "CommandEnd QUIT", "OnConnect", "OnRecipient", "OnMessage", "OnCommand", "OnRetry",
	"OnTimeout", "OnStateChange ready", "OnStateChange mail", "OnDisconnect"}

// scene is where something goes wrong, perhaps, and what the server is like.
type scene struct {
	place
	fault string
	lmtp  bool
}

func (s scene) String() string { return fmt.Sprintf("%s, %s, LMTP %v", s.name, s.fault, s.lmtp) }

// choose returns a scene and its server. Twice in three times the fault stays,
// else it passes.
func choose(rng *rand.Rand) (scene, smtptest.Config) {
	faulty := append(faults(), fault{name: "a name", step: smtptest.Say("550 5.1.1 ann@example.net at [192.0.2.77] is unknown")})
	all := append(places(),
		place{name: "LHLO", phase: fsm.Ehlo, moment: "LHLO"},
		place{name: "RCPT by LMTP", phase: fsm.Mail, moment: "RCPT"},
		place{name: "end by LMTP", phase: fsm.Mail, moment: "CONTENT"})
	s := scene{place: all[rng.IntN(len(all))], fault: "none"}
	s.lmtp = s.moment == "LHLO" || strings.HasSuffix(s.name, "LMTP")
	step := smtptest.Usual()
	if rng.IntN(4) > 0 {
		f := faulty[rng.IntN(len(faulty))]
		s.fault, step = f.name, f.step
		if s.lmtp && f.code == 421 { // it answers for every recipient who is left: a server that takes the mail for the next one all the same lies
			step = smtptest.SayAndClose("421 4.3.2 going down")
		}
	}
	if rng.IntN(3) == 0 {
		step = smtptest.Sequence(step, smtptest.Usual())
	}
	c := s.server(step)
	c.LMTP = s.lmtp
	if rng.IntN(2) == 0 {
		c.Keywords = append(c.Keywords, "PIPELINING")
	}
	if rng.IntN(4) == 0 && !s.chunking {
		c.Keywords = append(c.Keywords, "CHUNKING")
	}
	return s, c
}

// troubled makes a life in a place where perhaps something goes wrong, and
// perhaps something else, and holds it beside what the server has counted.
func troubled(t *testing.T, rng *rand.Rand, told *ledger, b *books, c func(*Config)) {
	s, server := choose(rng)
	srv := memory(t, server)
	config := s.config(srv)
	if config.LMTP = s.lmtp; s.lmtp {
		config.RemotePort = 24
	}
	if rng.IntN(2) == 0 { // DNS is asked
		config.HostName, config.Resolver = "localhost", addresses(srv.Host())
	}
	life := newReckoning()
	dialer := &watched{Dialer: srv}
	config.Dialer = dialer
	config.Retry = Retry{MaxAttempts: 1 + rng.IntN(3), Replies: rng.IntN(2) == 0}
	config.Flight = Flight(rng.IntN(3))
	config.Hooks = []events.Hook{told, life}
	sabotage := rng.IntN(4) == 0
	if sabotage {
		config.Hooks = append(config.Hooks, saboteur(rng))
	}
	if rng.IntN(20) == 0 {
		config.RemotePort = -1
	}
	c(&config)
	session := newSession(t, config)
	evs := record(t, session)
	late, _ := session.Subscribe(events.Filter{Buffer: 1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	meddled := rng.IntN(3) == 0
	if meddled {
		end := []func(){cancel, func() { _ = session.Close() }, func() { go session.Disconnect(context.Background()) }, srv.CloseConns}[rng.IntN(4)]
		defer time.AfterFunc(time.Duration(rng.Int64N(3))*time.Duration(rng.Int64N(int64(400*time.Second))), end).Stop()
	}
	life.calm = !sabotage && !meddled
	if err := session.Connect(ctx); err == nil {
		use(ctx, rng, session, s.ask)
		switch rng.IntN(3) {
		case 0:
			_ = session.Close()
		case 1:
			srv.CloseConns()
		default:
			_ = session.Disconnect(ctx)
		}
	}
	_ = session.Close()
	<-session.Done()
	heard := evs()
	if len(heard) > 1 { // not closed before it began
		told.ofSession(heard)
	}
	told.addN(int64(drain(late).missed), tracing.MetricEventsMissed, "")
	allClosed(t, srv)
	_ = srv.Close() // it has counted all that was sent
	life.check(t, b, srv, heard, len(dialer.all()), s.String())
}

// saboteur returns a hook that panics once, or each time, at one of the moments.
func saboteur(rng *rand.Rand) events.Hook {
	moment, once := saboteurs[rng.IntN(len(saboteurs))], rng.IntN(2) == 0
	times := 0
	return &everyHook{open: new([]string), at: func(_ context.Context, now string) {
		if now == moment {
			if times++; times == 1 || !once {
				panic("boom")
			}
		}
	}}
}

// use asks for the place's request, and for some more in any order. No two
// recipients of one life have the same address.
func use(ctx context.Context, rng *rand.Rand, s *Session, first func(context.Context, *Session) error) {
	recipients := 0
	next := func() string {
		recipients++
		return fmt.Sprintf("r%d@example.net", recipients)
	}
	asks := []func(){
		func() { _ = s.Noop(ctx) },
		func() { _ = logIn("PLAIN")(ctx, s) },
		func() { _, _ = s.Command(ctx, "XNOTE ann@example.net") },
		func() {
			m := &smtp.Message{Mail: smtp.Mail{From: "ann@example.net"}, Recipients: smtp.To(next()), Content: strings.NewReader("a: b\r\n")}
			if rng.IntN(2) == 0 {
				m.Recipients, m.Content = append(m.Recipients, smtp.To(next())...), io.MultiReader(m.Content)
			}
			_, _ = s.Send(ctx, m)
		},
		func() {
			tx, err := s.Begin(ctx, smtp.Mail{From: "ann@example.net"})
			if err != nil {
				return
			}
			_ = tx.AddRecipient(ctx, smtp.Recipient{Address: next()})
			if rng.IntN(2) == 0 {
				_, _ = tx.Write([]byte("a: b\r\n"))
				_, _ = tx.Commit(ctx)
			}
			_ = tx.Abort()
		},
	}
	if first != nil {
		_ = first(ctx, s)
	}
	for range rng.IntN(4) {
		asks[rng.IntN(len(asks))]()
	}
}

// Events = metrics = spans = the server's own counts, over 2,000 connects with
// every kind of trouble, on hooks that are shared and on hooks of the sessions'
// own; and whatever ends a session, it is nowhere in smtp.client.session.count
// afterwards. No label names an address or a person.
func TestTelemetry_EventsAreMetricsAreSpansAreTheServersCounts(t *testing.T) {
	bubble(t, "balance", func(t *testing.T) {
		const connects, lives, atOnce = 2000, 2400, 6 // some lives are over before they connect
		reader, recorder := metric.NewManualReader(), tracetest.NewSpanRecorder()
		meters := metric.NewMeterProvider(metric.WithReader(reader))
		tracers := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
		shared := tracing.New(tracing.Config{TracerProvider: tracers, MeterProvider: meters})
		told, b := &ledger{all: map[string]int64{}}, newBooks()
		seed := seedOf(t)
		var all sync.WaitGroup
		for worker := range uint64(atOnce) {
			all.Go(func() {
				rng := rand.New(rand.NewPCG(seed, worker))
				for i := range lives / atOnce {
					troubled(t, rng, told, b, func(c *Config) {
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

		got := traced(t, recorder)
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
		checkTold(t, got, told.all)
		for _, name := range []string{tracing.MetricConnectDuration, tracing.MetricConnectRetries, tracing.MetricPhaseDuration,
			tracing.MetricCommandDuration, tracing.MetricSessionDuration, tracing.MetricMessages,
			tracing.MetricEventsMissed, "span"} {
			if n := sumOf(got, name, ""); n < 20 {
				t.Errorf("%s: only %d", name, n)
			}
		}
		b.balance(t, got, connects)
		checkLabels(t, labels)
	})
}

// checkTold compares what was counted with what events and hooks have told.
func checkTold(t *testing.T, got, told map[string]int64) {
	t.Helper()
	want := map[string]int64{}
	for line, n := range told {
		if verb, ok := strings.CutPrefix(line, "asked for "); ok {
			if asked := sumOf(told, tracing.MetricCommandDuration, verb); verb == "NOOP" && asked != n {
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
}

func mergeKeys[V any](a, b map[string]V) map[string]V {
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
