package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	trace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// collector takes spans by OTLP over HTTP, as a real one does, and keeps them.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []*v1.Span
	service string
	header  http.Header
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request trace.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header = r.Header
	for _, rs := range request.ResourceSpans {
		for _, a := range rs.Resource.Attributes {
			if a.Key == "service.name" {
				c.service = a.Value.GetStringValue()
			}
		}
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// attribute returns the text of one.
func attribute(s *v1.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// asMetrics counts the spans as the metrics of the same things count, and the
// attempts by themselves.
func asMetrics(spans []*v1.Span) lines {
	got := lines{}
	for _, s := range spans {
		errorType := attribute(s, string(tracing.KeyErrorType))
		phase := func(name string) string {
			return line(tracing.MetricPhaseDuration, map[string]string{string(tracing.KeyPhase): name, string(tracing.KeyErrorType): errorType})
		}
		switch s.Name {
		case tracing.SpanConnect:
			got[line(tracing.MetricConnectDuration, map[string]string{string(tracing.KeyErrorType): errorType})]++
		case tracing.SpanAttempt:
			got[line(tracing.SpanAttempt, map[string]string{string(tracing.KeyErrorType): errorType})]++
		case tracing.SpanSend:
			got[phase("mail")]++
			got[line(tracing.MetricMessages, map[string]string{
				string(tracing.KeyOutcome): attribute(s, string(tracing.KeyOutcome)), string(tracing.KeyErrorType): errorType})]++
		default:
			got[phase(strings.TrimPrefix(s.Name, "smtp."))]++
		}
	}
	return got
}

// The spans that a collector gets are the sessions' connects, attempts, phases and
// messages, each where it belongs, and none is lost at the end. The metrics of the
// same run lead to them.
func TestTraces_AgreeWithTheSessions(t *testing.T) {
	to := newCollector(t)
	t.Setenv(endpointKey, to.URL) // the exporter reads the process's
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "tenant=blue")
	t.Setenv("OTEL_SERVICE_NAME", "relay-7")
	told := newLedger()
	set := quick(t, told)
	var err error
	if set.collector, err = parseCollector(os.LookupEnv); err != nil {
		t.Fatal(err)
	}
	w := opened(t, set)
	stop, ended := begin(t, w)
	defer stop()
	<-ended
	open := get(t, w, "/metrics", "application/openmetrics-text;version=1.0.0")
	index := get(t, w, "/", "text/html")
	for _, err := range w.close(t.Context()) {
		t.Error(err)
	}

	to.mu.Lock()
	defer to.mu.Unlock()
	if to.service != "relay-7" || to.header.Get("tenant") != "blue" {
		t.Errorf("the service %q, the headers %v", to.service, to.header)
	}
	if !strings.Contains(index, "Traces go to "+to.URL+"/v1/traces") {
		t.Errorf("the index says %s", index)
	}
	got := asMetrics(to.spans)
	agree(t, "the collector", got, told.told(func(line string) bool {
		for _, not := range []string{tracing.MetricCommandDuration, tracing.MetricConnectRetries, tracing.MetricSessionDuration, tracing.MetricEventsMissed} {
			if strings.HasPrefix(line, not) {
				return false
			}
		}
		return !strings.Contains(line, string(tracing.KeyPhase)+"=resolve") // of an address nobody is asked
	}))
	retries := told.told(ofMetrics).sumOf(tracing.MetricConnectRetries)
	if connects, attempts := got.sumOf(tracing.MetricConnectDuration), got.sumOf(tracing.SpanAttempt); retries == 0 || attempts != connects+retries {
		t.Errorf("%d attempts, %d connects, %d retries", attempts, connects, retries)
	}
	checkFamily(t, to.spans)

	byTrace := make(map[string]bool)
	for _, s := range to.spans {
		byTrace[hex.EncodeToString(s.TraceId)] = true
	}
	exemplars := regexp.MustCompile(`smtp_client_\w+_bucket.* # \{.*trace_id="([0-9a-f]{32})"`).FindAllStringSubmatch(open, -1)
	for _, e := range exemplars {
		if !byTrace[e[1]] {
			t.Errorf("an exemplar of the trace %s, which there is not", e[1])
		}
	}
	if len(exemplars) == 0 {
		t.Error("no bucket has an exemplar")
	}
}

// checkFamily fails for a span that has not the parent or the link that it is to
// have.
func checkFamily(t *testing.T, spans []*v1.Span) {
	t.Helper()
	byID := make(map[string]*v1.Span)
	for _, s := range spans {
		byID[string(s.SpanId)] = s
	}
	for _, s := range spans {
		parent, want := "", tracing.SpanAttempt
		if p := byID[string(s.ParentSpanId)]; p != nil {
			parent = p.Name
		}
		switch s.Name {
		case tracing.SpanConnect, tracing.SpanAuth, tracing.SpanSend:
			want = ""
		case tracing.SpanAttempt:
			want = tracing.SpanConnect
		}
		if parent != want || want == "" && len(s.ParentSpanId) > 0 {
			t.Errorf("%s has the parent %q", s.Name, parent)
		}
		if s.Name != tracing.SpanSend && s.Name != tracing.SpanAuth {
			continue
		}
		var to *v1.Span
		if len(s.Links) == 1 {
			to = byID[string(s.Links[0].SpanId)]
		}
		if to == nil || to.Name != tracing.SpanConnect || string(to.TraceId) != string(s.Links[0].TraceId) || failed(to) {
			t.Errorf("%s has the links %v", s.Name, s.Links)
		}
		if s.Name == tracing.SpanSend && failed(s) == (attribute(s, string(tracing.KeyErrorType)) == "") {
			t.Errorf("%s has the status %v and the outcome %s", s.Name, s.Status, smtp.Escape(attribute(s, string(tracing.KeyOutcome))))
		}
	}
}

func failed(s *v1.Span) bool { return s.GetStatus().GetCode() == v1.Status_STATUS_CODE_ERROR }
