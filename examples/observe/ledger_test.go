package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// ledger is a hook beside that of tracing: what the sessions have told, counted
// without OpenTelemetry. Safe for concurrent use.
type ledger struct {
	mu    sync.Mutex
	lines lines
	ready map[uint64]bool
}

// lines are counts by series, as line writes them.
type lines map[string]int64

// line names a series: a metric, or a span, and its attributes by OpenTelemetry's
// names. Empty ones are left out.
func line(name string, attributes map[string]string) string {
	maps.DeleteFunc(attributes, func(_, v string) bool { return v == "" })
	var all []string
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		all = append(all, k+"="+attributes[k])
	}
	return name + "{" + strings.Join(all, ",") + "}"
}

func newLedger() *ledger { return &ledger{lines: lines{}, ready: map[uint64]bool{}} }

func (l *ledger) add(name string, err error, attributes ...string) {
	all := map[string]string{string(tracing.KeyErrorType): typeOf(err)}
	for i := 0; i < len(attributes); i += 2 {
		all[attributes[i]] = attributes[i+1]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[line(name, all)]++
}

// typeOf is what error.type has to be, "" without an error.
func typeOf(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*smtp.Error](err); ok {
		return e.ErrorType()
	}
	return "_OTHER"
}

func (l *ledger) AttemptStart(ctx context.Context, _ events.AttemptStart) context.Context { return ctx }

func (l *ledger) AttemptEnd(_ context.Context, e events.AttemptEnd) {
	l.add(tracing.SpanAttempt, e.Err)
}

func (l *ledger) PhaseStart(ctx context.Context, _ events.PhaseStart) context.Context { return ctx }

func (l *ledger) PhaseEnd(_ context.Context, e events.PhaseEnd) {
	l.add(tracing.MetricPhaseDuration, e.Err, string(tracing.KeyPhase), e.Phase.String())
}

func (l *ledger) CommandStart(ctx context.Context, _ events.CommandStart) context.Context { return ctx }

func (l *ledger) CommandEnd(_ context.Context, e events.CommandEnd) {
	l.add(tracing.MetricCommandDuration, e.Err, string(tracing.KeyCommand), e.Verb)
}

func (l *ledger) LifeOver(_ context.Context, e events.LifeOver) {
	l.mu.Lock()
	ready := l.ready[e.Session]
	delete(l.ready, e.Session)
	l.mu.Unlock()
	if ready {
		l.add(tracing.MetricSessionDuration, e.Err)
	}
}

func (l *ledger) EventsMissed(_ context.Context, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[line(tracing.MetricEventsMissed, map[string]string{})] += int64(n)
}

func (l *ledger) Kinds() events.Mask {
	return events.MaskOf(events.KindConnect, events.KindError, events.KindRetry, events.KindMessage)
}

func (l *ledger) Event(_ context.Context, e events.Event) {
	h := events.Handlers{
		OnConnect: func(e events.OnConnect) {
			l.add(tracing.MetricConnectDuration, nil)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.ready[e.Session] = true
		},
		OnError: func(e events.OnError) {
			if e.Final {
				l.add(tracing.MetricConnectDuration, e.Err)
			}
		},
		OnRetry: func(e events.OnRetry) { l.add(tracing.MetricConnectRetries, e.Err) },
		OnMessage: func(e events.OnMessage) {
			l.add(tracing.MetricMessages, e.Receipt.Err(), string(tracing.KeyOutcome), e.Receipt.Outcome.String())
		},
	}
	_ = h.Handle(e)
}

// told returns what was counted for metrics, or for spans.
func (l *ledger) told(which func(line string) bool) lines {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := maps.Clone(l.lines)
	maps.DeleteFunc(all, func(k string, _ int64) bool { return !which(k) })
	return all
}

func ofMetrics(line string) bool { return strings.HasPrefix(line, "smtp.client.") }

// agree fails for each line whose counts differ.
func agree(t *testing.T, who string, got, told lines) {
	t.Helper()
	all := maps.Clone(told)
	maps.Copy(all, got)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if got[k] != told[k] {
			t.Errorf("%s: %s says %d, the sessions told %d", k, who, got[k], told[k])
		}
	}
}

// sumOf adds up the lines of a metric or span.
func (l lines) sumOf(name string) (n int64) {
	for k, count := range l {
		if strings.HasPrefix(k, name+"{") {
			n += count
		}
	}
	return n
}

// checkBounds fails for a label whose value is not one of our words or numbers, and
// for an outcome or a fault that did not happen: then too little was tried.
func checkBounds(t *testing.T, all lines) {
	t.Helper()
	var kinds []string
	for k := range smtp.Kind(255) {
		kinds = append(kinds, regexp.QuoteMeta(k.String()))
	}
	allowed := regexp.MustCompile(fmt.Sprintf(`^(?:%s)$`, strings.Join([]string{
		`smtp\.session\.state=(?:connecting|idle|used|backoff)`,
		`smtp\.phase=(?:resolve|dial|greeting|ehlo|starttls|auth|mail)`,
		`smtp\.command=(?:EHLO|STARTTLS|AUTH|MAIL|RCPT|DATA|BDAT|RSET|QUIT)`,
		`smtp\.message\.outcome=(?:accepted|rejected|not_sent|unknown)`,
		`error\.type=(?:[45][0-9][0-9]|` + strings.Join(kinds, "|") + `)`,
	}, "|")))
	found := make(map[string]bool)
	for k := range all {
		_, attributes, _ := strings.Cut(strings.TrimSuffix(k, "}"), "{")
		for label := range strings.SplitSeq(attributes, ",") {
			if label != "" && !allowed.MatchString(label) {
				t.Errorf("the label %q of %s", label, k)
			}
			found[label] = true
		}
	}
	for _, must := range []string{"smtp.message.outcome=accepted", "smtp.message.outcome=rejected", "smtp.message.outcome=unknown",
		"error.type=421", "error.type=451", "error.type=454", "error.type=550", "error.type=connection_lost", "smtp.session.state=used"} {
		if !found[must] {
			t.Errorf("no label %q: too little was tried", must)
		}
	}
}
