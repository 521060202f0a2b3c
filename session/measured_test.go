package session

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// traced returns what was traced, a line for each name and error.type. Each span
// that began has ended.
func traced(t *testing.T, recorder *tracetest.SpanRecorder) map[string]int64 {
	t.Helper()
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
	return got
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
		`smtp\.command=(?:EHLO|HELO|LHLO|STARTTLS|AUTH|NOOP|MAIL|RCPT|DATA|\.|BDAT|RSET|QUIT|_OTHER)`,
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
