package tracing_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// nosy is a hook that puts a span of its own into every scope and never ends it
// before the scope's other hooks.
type nosy struct{ trace.Tracer }

func (n nosy) ConnectStart(ctx context.Context, _ events.ConnectStart) context.Context {
	ctx, _ = n.Start(ctx, "nosy.connect")
	return ctx
}
func (n nosy) AttemptStart(ctx context.Context, _ events.AttemptStart) context.Context {
	ctx, _ = n.Start(ctx, "nosy.attempt")
	return ctx
}
func (n nosy) PhaseStart(ctx context.Context, _ events.PhaseStart) context.Context {
	ctx, _ = n.Start(ctx, "nosy.phase")
	return ctx
}
func (n nosy) ConnectEnd(ctx context.Context, _ events.ConnectEnd) { trace.SpanFromContext(ctx).End() }
func (n nosy) AttemptEnd(ctx context.Context, _ events.AttemptEnd) { trace.SpanFromContext(ctx).End() }
func (n nosy) PhaseEnd(ctx context.Context, _ events.PhaseEnd)     { trace.SpanFromContext(ctx).End() }

func TestScope_AnotherHooksSpanInBetween(t *testing.T) {
	p, spans := record(t)
	retried().tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p}), nosy{p.Tracer("nosy")})
	same(t, "tree", tree(spans.Ended()),
		"smtp.connect",
		"  nosy.connect",
		"    smtp.connect.attempt",
		"      nosy.attempt",
		"        smtp.greeting",
		"          nosy.phase",
		"    smtp.connect.attempt",
		"      nosy.attempt",
		"        smtp.greeting",
		"          nosy.phase")
	for _, s := range spans.Ended() {
		if strings.HasPrefix(s.Name(), "nosy") && len(s.Attributes()) > 0 {
			t.Errorf("%s was given attributes:\n%s", s.Name(), attrs(s))
		}
		if s.Name() == "smtp.connect" && !strings.Contains(attrs(s), "smtp.connect.attempts=2") {
			t.Errorf("smtp.connect has no attempts:\n%s", attrs(s))
		}
	}
	if s, e := len(spans.Started()), len(spans.Ended()); s != e {
		t.Errorf("%d spans started, %d ended", s, e)
	}
}

func TestScope_TwoTracingHooks(t *testing.T) {
	p, ours := record(t)
	q, theirs := record(t)
	explicit().tell(t, context.Background(),
		tracing.New(tracing.Config{TracerProvider: p}), tracing.New(tracing.Config{TracerProvider: q, Compact: true}))
	if len(ours.Ended()) != 8 || len(theirs.Ended()) != 2 {
		t.Errorf("%d and %d spans, want 8 and 2", len(ours.Ended()), len(theirs.Ended()))
	}
}

// pick samples the spans that it says yes to.
type pick func(sdktrace.SamplingParameters) bool

func (p pick) ShouldSample(s sdktrace.SamplingParameters) sdktrace.SamplingResult {
	r := sdktrace.SamplingResult{Decision: sdktrace.Drop}
	if p(s) {
		r.Decision = sdktrace.RecordAndSample
	}
	return r
}
func (pick) Description() string { return "pick" }

func TestScope_SampledOutStillPropagates(t *testing.T) {
	p, spans := record(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	q, _ := record(t)
	ctx, caller := q.Tracer("caller").Start(context.Background(), "caller")
	defer caller.End()
	l := explicit()
	asked := 0
	l.attempts[0].inside = func(ctx context.Context) {
		asked++
		sc := trace.SpanContextFromContext(ctx)
		if sc.TraceID() != caller.SpanContext().TraceID() || sc.SpanID() == caller.SpanContext().SpanID() || sc.IsSampled() {
			t.Errorf("inside a phase the context says %+v", sc)
		}
	}
	l.tell(t, ctx, tracing.New(tracing.Config{TracerProvider: p}))
	if len(spans.Started()) != 0 || asked != 6 {
		t.Errorf("%d spans, %d phases", len(spans.Started()), asked)
	}
}

func TestScope_SampledOutAttemptInARecordedConnect(t *testing.T) {
	p, spans := record(t, sdktrace.WithSampler(pick(func(s sdktrace.SamplingParameters) bool { return s.Name != "smtp.connect.attempt" })))
	explicit().tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p}))
	same(t, "tree", tree(spans.Ended()), "smtp.connect")
	if got := attrs(spans.Ended()[0]); strings.Contains(got, "network.peer") {
		t.Errorf("the attempt's attributes are on the connect:\n%s", got)
	}
}

// A dialer may use a session, with the context it was given, under the same hook.
func TestScope_SessionInsideASession(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		p, spans := record(t, sdktrace.WithSampler(pick(func(s sdktrace.SamplingParameters) bool {
			return recorded || !slices.ContainsFunc(namesOf(s), func(id string) bool { return id == "7" })
		})))
		h := tracing.New(tracing.Config{TracerProvider: p})
		outer := life{session: 1, attempts: []attempt{{peer: peer6, phases: []events.PhaseEnd{{Phase: fsm.Dial, Err: &smtp.Error{Kind: smtp.KindDial}}}}}}
		outer.attempts[0].inside = func(ctx context.Context) { explicit().tell(t, ctx, h) }
		outer.tell(t, context.Background(), h)

		want := 3
		if recorded {
			want += 8
		}
		if len(spans.Started()) != want || len(spans.Ended()) != want {
			t.Errorf("%d started, %d ended, want %d", len(spans.Started()), len(spans.Ended()), want)
		}
		dials := named(spans.Ended(), "smtp.dial")
		if last := dials[len(dials)-1]; attrs(last) != "error.type=dial_failed string\n" {
			t.Errorf("inner recorded %t: the outer dial has\n%s", recorded, attrs(last))
		}
		attempts := named(spans.Ended(), "smtp.connect.attempt")
		if last := attempts[len(attempts)-1]; !strings.Contains(attrs(last), "network.type=ipv6") {
			t.Errorf("inner recorded %t: the outer attempt has\n%s", recorded, attrs(last))
		}
	}
}

// namesOf returns the session's ID that a span is started with, if any.
func namesOf(s sdktrace.SamplingParameters) (ids []string) {
	for _, kv := range s.Attributes {
		if kv.Key == "smtp.session.id" {
			ids = append(ids, kv.Value.String())
		}
	}
	return ids
}

func TestScope_OneHookForManySessions(t *testing.T) {
	const sessions = 50
	p, spans := record(t)
	h := tracing.New(tracing.Config{TracerProvider: p})
	var all sync.WaitGroup
	for range sessions {
		all.Go(func() { explicit().tell(t, context.Background(), h) })
	}
	all.Wait()
	alone, one := record(t)
	explicit().tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: alone}))
	want := tree(one.Ended())

	traces := map[trace.TraceID][]sdktrace.ReadOnlySpan{}
	for _, s := range spans.Ended() {
		traces[s.SpanContext().TraceID()] = append(traces[s.SpanContext().TraceID()], s)
	}
	if len(traces) != sessions {
		t.Errorf("%d traces, want %d", len(traces), sessions)
	}
	for _, of := range traces {
		if got := tree(of); got != want {
			t.Errorf("got:\n%swant:\n%s", got, want)
		}
	}
}
