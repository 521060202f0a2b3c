package tracing_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

var constant = regexp.MustCompile(`= (?:semconv\.(\w+)Key|attribute\.Key\("([^"]+)"\))\n`)

// The table of attributes in the package comment has exactly the constants of
// attributes.go, and the one of spans what spans really get.
func TestDoc_TablesMatchTheCode(t *testing.T) {
	doc := read(t, "doc.go")
	_, rest, _ := strings.Cut(doc, "//\tspan  ")
	_, rest, _ = strings.Cut(rest, "\n")
	bySpan, rest, _ := strings.Cut(rest, "//\n")
	_, rest, _ = strings.Cut(rest, "//\tattribute  ")
	_, rest, _ = strings.Cut(rest, "\n")
	byAttribute, _, _ := strings.Cut(rest, "//\n")

	listed := map[string]bool{}
	for line := range strings.Lines(byAttribute) {
		listed[strings.Fields(strings.TrimPrefix(line, "//\t"))[0]] = true
	}
	if n := len(constant.FindAllString(read(t, "attributes.go"), -1)); n != len(listed) || n == 0 {
		t.Errorf("attributes.go has %d constants, the package comment lists %d", n, len(listed))
	}

	allowed, name := map[string]string{}, ""
	for line := range strings.Lines(bySpan) {
		line = strings.TrimPrefix(line, "//\t")
		if !strings.HasPrefix(line, " ") {
			name = strings.Fields(line)[0]
		}
		allowed[name] += line
	}
	allowed["smtp.starttls"] += allowed["smtp.tls"]

	seen := map[string]bool{}
	p, spans := record(t)
	h := tracing.New(tracing.Config{TracerProvider: p})
	for _, l := range []life{explicit(), retried(), {attempts: []attempt{{phases: []events.PhaseEnd{
		{Phase: fsm.TLS, TLS: &tls.ConnectionState{}, Verdict: x509.UnknownAuthorityError{}, Err: &smtp.Error{}},
	}}}}} {
		l.tell(t, context.Background(), h)
	}
	login(context.Background(), nil, h, nil)
	send(context.Background(), h, &smtp.Receipt{}, nil)
	for _, s := range spans.Ended() {
		seen[s.Name()] = true
		if allowed[s.Name()] == "" {
			t.Errorf("the package comment does not list the span %s", s.Name())
		}
		for _, kv := range s.Attributes() {
			seen[string(kv.Key)] = true
			if !listed[string(kv.Key)] {
				t.Errorf("the package comment does not list the attribute %s", kv.Key)
			}
			if kv.Key != "error.type" && !regexp.MustCompile(`[ ]`+regexp.QuoteMeta(string(kv.Key))+`[,\n]`).MatchString(allowed[s.Name()]) {
				t.Errorf("the package comment does not list %s for %s", kv.Key, s.Name())
			}
		}
	}
	for name := range allowed {
		if !seen[name] {
			t.Errorf("no life had the span %s", name)
		}
	}
	for name := range listed {
		if !seen[name] {
			t.Errorf("no life had the attribute %s", name)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
