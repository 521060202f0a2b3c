package tracing_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// life is the script of one Connect, told to hooks as a session would.
type life struct {
	session  uint64
	attempts []attempt
	err      error
}

type attempt struct {
	delay  time.Duration
	phases []events.PhaseEnd
	peer   netip.AddrPort
	err    error
	retry  bool
	inside func(ctx context.Context) // called within each phase
}

// tell returns what ConnectStart returned. A LifeOver is for the caller to tell.
func (l life) tell(t testing.TB, ctx context.Context, hooks ...events.Hook) (connect context.Context) {
	t.Helper()
	sorted, err := events.SortHooks(hooks)
	if err != nil {
		t.Error(err)
		return ctx
	}
	check := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	ctx, err = sorted.ConnectStart(ctx, events.ConnectStart{Session: l.session, Life: 1, Host: "mail.example.org", Port: 25})
	check(err)
	for i, a := range l.attempts {
		ctx, err := sorted.AttemptStart(ctx, events.AttemptStart{Attempt: i + 1, Delay: a.delay, Host: "mail.example.org", Port: 25})
		check(err)
		for _, p := range a.phases {
			ctx, err := sorted.PhaseStart(ctx, events.PhaseStart{Phase: p.Phase, Host: p.Host})
			check(err)
			if a.inside != nil {
				a.inside(ctx)
			}
			check(sorted.PhaseEnd(ctx, p))
		}
		check(sorted.AttemptEnd(ctx, events.AttemptEnd{Attempt: i + 1, Peer: a.peer, Err: a.err, Retry: a.retry}))
	}
	check(sorted.ConnectEnd(ctx, events.ConnectEnd{Attempts: len(l.attempts), Err: l.err}))
	return ctx
}

var (
	peer4 = netip.MustParseAddrPort("192.0.2.1:25")
	peer6 = netip.MustParseAddrPort("[2001:db8::1]:25")
)

// explicit is a life with STARTTLS in one attempt.
func explicit() life {
	return life{session: 7, attempts: []attempt{{peer: peer4, phases: []events.PhaseEnd{
		{Phase: fsm.Resolve, Host: "mail.example.org", Addrs: []netip.Addr{peer4.Addr(), peer6.Addr()}},
		{Phase: fsm.Dial, Peer: peer4},
		{Phase: fsm.Greeting, Reply: smtp.Reply{Code: 220, Text: "mail.example.org ESMTP"}},
		{Phase: fsm.Ehlo, Reply: smtp.Reply{Code: 250, Text: "mail.example.org\nSTARTTLS"}},
		{Phase: fsm.StartTLS,
			Reply: smtp.Reply{Code: 220, Enhanced: smtp.EnhancedCode{Class: 2}, Text: "2.0.0 go ahead"},
			TLS:   &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, DidResume: true}},
		{Phase: fsm.Ehlo, Reply: smtp.Reply{Code: 250, Text: "mail.example.org"}},
	}}}}
}

// retried is a life whose first attempt is refused and whose second succeeds.
func retried() life {
	refused := &smtp.Error{Kind: smtp.KindReply, Phase: "greeting", Reply: smtp.Reply{Code: 421, Text: "come back"}}
	return life{session: 8, attempts: []attempt{
		{peer: peer4, err: refused, retry: true, phases: []events.PhaseEnd{
			{Phase: fsm.Greeting, Err: refused, Reply: refused.Reply}}},
		{peer: peer6, delay: 1500 * time.Millisecond, phases: []events.PhaseEnd{
			{Phase: fsm.Greeting, Reply: smtp.Reply{Code: 220}}}},
	}}
}

// record returns a provider and what remembers its spans.
func record(t testing.TB, opts ...sdktrace.TracerProviderOption) (*sdktrace.TracerProvider, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	p := sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(spans))...)
	t.Cleanup(func() { p.Shutdown(context.Background()) })
	return p, spans
}

// tree draws the ended spans, children in the order of their start.
func tree(spans []sdktrace.ReadOnlySpan) string {
	known := map[trace.SpanID]bool{}
	for _, s := range spans {
		known[s.SpanContext().SpanID()] = true
	}
	spans = slices.Clone(spans)
	slices.SortStableFunc(spans, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	var b strings.Builder
	var draw func(parent trace.SpanID, top bool, indent string)
	draw = func(parent trace.SpanID, top bool, indent string) {
		for _, s := range spans {
			if up := s.Parent().SpanID(); top && !known[up] || !top && up == parent {
				fmt.Fprintf(&b, "%s%s\n", indent, s.Name())
				draw(s.SpanContext().SpanID(), false, indent+"  ")
			}
		}
	}
	draw(trace.SpanID{}, true, "")
	return b.String()
}

// named returns the spans of a name, in the order of their end.
func named(spans []sdktrace.ReadOnlySpan, name string) []sdktrace.ReadOnlySpan {
	return slices.DeleteFunc(slices.Clone(spans), func(s sdktrace.ReadOnlySpan) bool { return s.Name() != name })
}

// attrs prints the attributes of a span, sorted, one a line.
func attrs(s sdktrace.ReadOnlySpan) string {
	set := attribute.NewSet(s.Attributes()...)
	var b strings.Builder
	for _, kv := range set.ToSlice() {
		fmt.Fprintf(&b, "%s=%s %s\n", kv.Key, kv.Value.String(), strings.ToLower(kv.Value.Type().String()))
	}
	return b.String()
}

// same compares texts line by line, whatever their indent.
func same(t *testing.T, what, got string, want ...string) {
	t.Helper()
	if w := strings.Join(want, "\n") + "\n"; got != w {
		t.Errorf("%s:\n%swant:\n%s", what, got, w)
	}
}
