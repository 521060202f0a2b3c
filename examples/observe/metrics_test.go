package main

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/tracing"
)

// instrument is how a metric of package tracing comes out at /metrics.
type instrument struct {
	otel   string
	suffix string // of its unit or kind
	kind   dto.MetricType
	help   string
}

func exported() []instrument {
	const histogram, counter, gauge = dto.MetricType_HISTOGRAM, dto.MetricType_COUNTER, dto.MetricType_GAUGE
	return []instrument{
		{tracing.MetricSessions, "", gauge, "Sessions that there are, by what they do."},
		{tracing.MetricSessionDuration, "_seconds", histogram, "From ready to the end of the session."},
		{tracing.MetricConnectDuration, "_seconds", histogram, "Of one Connect or Start, back-off included."},
		{tracing.MetricConnectRetries, "_total", counter, "Attempts that failed and were made again."},
		{tracing.MetricPhaseDuration, "_seconds", histogram, "Of one phase of a connect, of a login or of a message."},
		{tracing.MetricCommandDuration, "_seconds", histogram, "From a command to its reply."},
		{tracing.MetricMessages, "_total", counter, "Messages by what became of them."},
		{tracing.MetricEventsMissed, "_total", counter, "Events that found no room in a subscriber's channel."},
	}
}

// series is its name at /metrics.
func (m instrument) series() string { return strings.ReplaceAll(m.otel, ".", "_") + m.suffix }

// otelLabels are the attributes by their names at /metrics. tls_protocol_version is
// added up: the ledger does not know it.
func otelLabels(label func(name string) string) map[string]string {
	all := make(map[string]string)
	for _, k := range []string{string(tracing.KeyErrorType), string(tracing.KeySessionState), string(tracing.KeyPhase),
		string(tracing.KeyCommand), string(tracing.KeyOutcome)} {
		all[k] = label(strings.ReplaceAll(k, ".", "_"))
	}
	return all
}

// The table has every metric that there is.
func TestExported_IsComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../tracing/names.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, m := range exported() {
		known[m.otel] = true
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(v.Names[0].Name, "Metric") {
			return true
		}
		found++
		if name, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value); !known[name] {
			t.Errorf("%s is not in the table", v.Names[0])
		}
		return true
	})
	if found != len(known) {
		t.Errorf("found %d metrics, the table has %d", found, len(known))
	}
}

// quick are settings of a run that meets with everything within seconds, a
// subscriber that never reads too.
func quick(t *testing.T, l *ledger) settings {
	t.Helper()
	hub := new(events.Hub)
	_, cancel := hub.Subscribe(events.Filter{Buffer: 1})
	t.Cleanup(cancel)
	return settings{sessions: 12, messages: 500, think: 10 * time.Millisecond, faults: 0.5, seed: 1,
		listen: netip.MustParseAddrPort("127.0.0.1:0"), hooks: []events.Hook{l}, hub: hub}
}

// opened opens what there is to look at. The test closes it.
func opened(t *testing.T, set settings) *watch {
	t.Helper()
	w, err := open(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// begin lets the sessions work; the channel is closed when they have.
func begin(t *testing.T, w *watch) (stop func(), ended <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.work(ctx)
	}()
	return cancel, done
}

// until asks again and again whether something is so, for as long as a loaded
// machine may need.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// get reads a page of the program's.
func get(t *testing.T, w *watch, path, accept string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.web.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", path, answer.Status, err, body)
	}
	return string(body)
}

// scrape reads /metrics in the format that every Prometheus knows.
func scrape(t *testing.T, w *watch) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	all, err := p.TextToMetricFamilies(strings.NewReader(get(t, w, "/metrics", "text/plain")))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// linesOf returns the counts at /metrics. It fails for a metric of another type or
// help, and for a duration that is none in seconds.
func linesOf(t *testing.T, all map[string]*dto.MetricFamily, longest float64) lines {
	t.Helper()
	got := lines{}
	for _, m := range exported() {
		f := all[m.series()]
		if f == nil || f.GetType() != m.kind || f.GetHelp() != m.help {
			t.Errorf("%s is %v %q", m.series(), f.GetType(), f.GetHelp())
			continue
		}
		for _, s := range f.Metric {
			k := line(m.otel, otelLabels(func(name string) string {
				for _, l := range s.Label {
					if l.GetName() == name {
						return l.GetValue()
					}
				}
				return ""
			}))
			switch m.kind {
			case dto.MetricType_HISTOGRAM:
				h := s.GetHistogram()
				got[k] += int64(h.GetSampleCount())
				if sum := h.GetSampleSum(); sum <= 0 || sum > longest*float64(h.GetSampleCount()) {
					t.Errorf("%s: %d took %v s", k, h.GetSampleCount(), sum)
				}
			case dto.MetricType_GAUGE:
				got[k] += int64(s.GetGauge().GetValue())
			default:
				got[k] += int64(s.GetCounter().GetValue())
			}
		}
	}
	return got
}

// apart takes the sessions that there are out of the counts.
func apart(t *testing.T, all lines) (counts lines) {
	t.Helper()
	counts = lines{}
	for k, n := range all {
		if !strings.HasPrefix(k, tracing.MetricSessions+"{") {
			counts[k] = n
		} else if n != 0 {
			t.Errorf("%s is %d at the end", k, n)
		}
	}
	return counts
}

// What /metrics says is what the sessions told, for every metric, label and fault;
// while they work, the live page lists them.
func TestMetrics_AgreeWithTheSessions(t *testing.T) {
	t.Parallel()
	told := newLedger()
	w := opened(t, quick(t, told))
	stop, ended := begin(t, w)
	defer stop()
	until(t, "a session at work on the live page, and one in the metrics", func() bool {
		page := get(t, w, "/debug/smtp/?state=ready", "text/html")
		at := 0.0
		for _, s := range scrape(t, w)["smtp_client_session_count"].GetMetric() {
			at += s.GetGauge().GetValue()
		}
		return at > 0 && strings.Contains(page, `name="id" value="`) && strings.Contains(page, w.mail.Addr())
	})
	<-ended
	all := linesOf(t, scrape(t, w), time.Since(w.began).Seconds())
	counts := apart(t, all)
	agree(t, "/metrics", counts, told.told(ofMetrics))
	checkBounds(t, all)
	if n := counts.sumOf(tracing.MetricMessages); n != 500 || w.tally.messages() != n {
		t.Errorf("%d messages, the status line says %d", n, w.tally.messages())
	}
	for _, err := range w.close(t.Context()) {
		t.Error(err)
	}
}
