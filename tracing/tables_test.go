package tracing_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

var update = flag.Bool("update", false, "write TABLES.md anew")

// TABLES.md is made from the constants of names.go, and from what lives really
// leave behind:
//
//	go test ./tracing -run TestTables -update
func TestTables(t *testing.T) {
	const file = "TABLES.md"
	want := tables(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says: go test ./tracing -run TestTables -update", file)
	}
}

func tables(t *testing.T) string {
	reader := sdkmetric.NewManualReader()
	p, spans := record(t)
	h := tracing.New(tracing.Config{TracerProvider: p, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
	everything(t, h)
	failed := life{err: lost, attempts: []attempt{{err: lost, phases: []events.PhaseEnd{
		{Phase: fsm.TLS, TLS: &tls.ConnectionState{Version: tls.VersionTLS13}, Verdict: x509.UnknownAuthorityError{}, Err: lost},
	}}}}.tell(t, context.Background(), h)
	login(context.Background(), failed, h, lost)
	command(context.Background(), failed, h, "QUIT", lost)
	send(context.Background(), h, &smtp.Receipt{Outcome: smtp.Unknown}, lost)
	h.LifeOver(retried().tell(t, context.Background(), h), events.LifeOver{Err: lost})

	types := map[attribute.Key]string{} // of every attribute that was seen
	see := func(attrs []attribute.KeyValue) (keys []string) {
		for _, kv := range attrs {
			types[kv.Key] = strings.ToLower(kv.Value.Type().String())
			if kv.Key != tracing.KeyErrorType {
				keys = append(keys, string(kv.Key))
			}
		}
		return keys
	}
	attributes, kinds := map[string][]string{}, map[string]string{}
	for _, s := range spans.Ended() {
		attributes[s.Name()] = append(attributes[s.Name()], see(s.Attributes())...)
		kinds[s.Name()] = s.SpanKind().String()
	}
	metrics := map[string]metricdata.Metrics{}
	for _, m := range collect(t, reader) {
		metrics[m.Name] = m
		for _, p := range pointsOf(m) {
			see(p.attrs.ToSlice())
			for _, kv := range p.attrs.ToSlice() {
				attributes[m.Name] = append(attributes[m.Name], string(kv.Key))
			}
		}
	}
	list := func(name string) string {
		keys := slices.Compact(slices.Sorted(slices.Values(attributes[name])))
		return strings.Join(keys, ", ")
	}

	var b strings.Builder
	b.WriteString("<!-- go generate ./tracing -->\n\n")
	b.WriteString("Every span has `error.type` and the status Error if it failed. A fact that is not known has no attribute.\n\n")
	b.WriteString("| constant | span | kind | attributes | is |\n|---|---|---|---|---|\n")
	names := readNames(t)
	for _, c := range names {
		if strings.HasPrefix(c.name, "Span") {
			if kinds[c.value] == "" {
				t.Errorf("no life had the span %s", c.value)
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", c.name, c.value, kinds[c.value], list(c.value), c.comment)
			delete(kinds, c.value)
		}
	}
	b.WriteString("\nWith `Config.ServerAddress` each metric has `server.address` too.\n\n")
	b.WriteString("| constant | metric | instrument | unit | attributes | buckets | is |\n|---|---|---|---|---|---|---|\n")
	for _, c := range names {
		if strings.HasPrefix(c.name, "Metric") {
			m, ok := metrics[c.value]
			if !ok {
				t.Errorf("no life had the metric %s", c.value)
				continue
			}
			instrument, buckets := instrumentOf(m)
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | `%s` | %s | %s | %s |\n", c.name, c.value, instrument, m.Unit, list(c.value), buckets, m.Description)
			delete(metrics, c.value)
		}
	}
	b.WriteString("\nThe attributes that begin with smtp are ours, the others OpenTelemetry's semantic conventions.\n\n")
	b.WriteString("| constant | attribute | type | value |\n|---|---|---|---|\n")
	for _, c := range names {
		if strings.HasPrefix(c.name, "Key") {
			key := attribute.Key(c.value)
			if types[key] == "" {
				t.Errorf("nothing had the attribute %s", key)
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", c.name, key, types[key], c.comment)
			delete(types, key)
		}
	}
	if len(kinds)+len(metrics)+len(types) > 0 {
		t.Errorf("no constant names %v %v %v", slices.Collect(maps.Keys(kinds)), slices.Collect(maps.Keys(metrics)), slices.Collect(maps.Keys(types)))
	}
	return b.String()
}

// instrumentOf returns what a metric is, and its buckets.
func instrumentOf(m metricdata.Metrics) (instrument, buckets string) {
	switch data := m.Data.(type) {
	case metricdata.Histogram[float64]:
		var bounds []string
		for _, bound := range data.DataPoints[0].Bounds {
			bounds = append(bounds, strconv.FormatFloat(bound, 'f', -1, 64))
		}
		return "Histogram", strings.Join(bounds, ", ")
	case metricdata.Sum[int64]:
		if data.IsMonotonic {
			return "Counter", ""
		}
		return "UpDownCounter", ""
	}
	return "", ""
}

type constant struct{ name, value, comment string }

// conventional are the keys of semantic conventions, whose values names.go does
// not spell.
func conventional() map[string]attribute.Key {
	return map[string]attribute.Key{
		"KeyServerAddress": tracing.KeyServerAddress, "KeyServerPort": tracing.KeyServerPort, "KeyProtocolName": tracing.KeyProtocolName,
		"KeyPeerAddress": tracing.KeyPeerAddress, "KeyPeerPort": tracing.KeyPeerPort, "KeyTransport": tracing.KeyTransport,
		"KeyNetworkType": tracing.KeyNetworkType, "KeyDNSQuestion": tracing.KeyDNSQuestion, "KeyDNSAnswers": tracing.KeyDNSAnswers,
		"KeyTLSVersion": tracing.KeyTLSVersion, "KeyTLSCipher": tracing.KeyTLSCipher, "KeyTLSResumed": tracing.KeyTLSResumed,
		"KeyErrorType": tracing.KeyErrorType,
	}
}

// readNames reads from names.go what the compiler forgets: the names of the
// constants and the comments beside them.
func readNames(t *testing.T) (all []constant) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	known := conventional()
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			continue
		}
		for _, s := range decl.Specs {
			spec := s.(*ast.ValueSpec)
			c := constant{name: spec.Names[0].Name, comment: strings.TrimSpace(spec.Comment.Text())}
			ast.Inspect(spec.Values[0], func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok {
					c.value, _ = strconv.Unquote(literal.Value)
				}
				return true
			})
			if c.value == "" {
				c.value = string(known[c.name])
			}
			if c.comment == "" && !strings.HasPrefix(c.name, "Metric") || c.value == "" {
				t.Errorf("%s has the value %q and the comment %q", c.name, c.value, c.comment)
			}
			all = append(all, c)
		}
	}
	return all
}
