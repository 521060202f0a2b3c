//go:build unix

package main

import (
	"encoding/hex"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/ehlo-go/ehlo/tracing"
)

// A real Prometheus scrapes the program while it works, and in the end says what the sessions told: the same series,
// with the same values.
func TestPrometheus_AgreesWithTheSessions(t *testing.T) {
	program := findPrometheus(t)
	to := newCollector(t)
	t.Setenv(endpointKey, to.URL) // the exporter reads the process's
	told := newLedger()
	set := quick(t, told)
	set.think = 50 * time.Millisecond // some scrapes long
	var err error
	if set.collector, err = parseCollector(os.LookupEnv); err != nil {
		t.Fatal(err)
	}
	w := opened(t, set)
	p := startPrometheus(t, program, w.web.addr)
	p.scraped()
	stop, ended := begin(t, w)
	defer stop()
	<-ended
	p.scraped()

	all := p.counts()
	counts := apart(t, all)
	agree(t, "Prometheus", counts, told.told(ofMetrics))
	checkBounds(t, all)
	p.checkMetadata()

	var series []map[string]string
	p.ask("series", url.Values{"match[]": {`{__name__=~"smtp_client_.*"}`}}, &series)
	of := make(map[string]bool)
	for _, s := range series {
		name := s["__name__"]
		of[name] = true
		for label := range s {
			if !strings.Contains(" __name__ instance job le error_type smtp_session_state smtp_phase smtp_command smtp_message_outcome tls_protocol_version ",
				" "+label+" ") {
				t.Errorf("the series %s has the label %s", name, label)
			}
		}
	}
	for _, m := range exported() {
		suffixes := []string{""}
		if m.suffix == "_seconds" {
			suffixes = []string{"_bucket", "_sum", "_count"}
		}
		for _, suffix := range suffixes {
			if !of[m.series()+suffix] {
				t.Errorf("no series %s", m.series()+suffix)
			}
			delete(of, m.series()+suffix)
		}
	}
	if len(of) != 0 {
		t.Errorf("more series than are known: %v", of)
	}

	// What the help and a dashboard ask for.
	for text, most := range map[string]float64{
		`max_over_time(smtp_client_session_count{smtp_session_state="idle"}[5m])`:                                                   12,
		`histogram_quantile(0.95, sum by (le) (rate(smtp_client_phase_duration_seconds_bucket{smtp_phase="starttls"}[1m])))`:        60,
		`sum(rate(smtp_client_messages_total{smtp_message_outcome="accepted"}[1m]))`:                                                500,
		`sum(smtp_client_connect_duration_seconds_sum)/sum(smtp_client_connect_duration_seconds_count)`:                             60,
		`smtp_client_phase_duration_seconds_bucket{smtp_phase="ehlo",tls_protocol_version="1.3",error_type="",le="300.0"}`:          float64(w.tally.ready.Load()),
		`count by (service_name) (target_info{service_name="ehlo-observe"})`:                                                        1,
		`sum by (job) (smtp_client_messages_total) == ` + strconv.FormatInt(told.told(ofMetrics).sumOf(tracing.MetricMessages), 10): 500,
	} {
		if got := p.query(text); len(got) != 1 || !(got[0].value > 0 && got[0].value <= most) {
			t.Errorf("%s is %v", text, got)
		}
	}
	leads := p.exemplars("smtp_client_phase_duration_seconds_bucket")
	for _, err := range w.close(t.Context()) {
		t.Error(err)
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	for _, trace := range leads {
		if !slices.ContainsFunc(to.spans, func(s *v1.Span) bool { return hex.EncodeToString(s.TraceId) == trace }) {
			t.Errorf("an exemplar leads to the trace %q, which the collector has not got", trace)
		}
	}
	if len(leads) == 0 {
		t.Error("no exemplars")
	}
}
