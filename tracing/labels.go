package tracing

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// other is the label of all that is not told apart.
const other = "_OTHER"

// verbs are the commands that have a label of their own: those of RFC 5321 and of
// the extensions that clients use. "." is the end of DATA's content.
func verbs() []string {
	return []string{"EHLO", "HELO", "LHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", ".", "BDAT", "BURL",
		"RSET", "NOOP", "VRFY", "EXPN", "HELP", "QUIT", "ETRN"}
}

// phases are those that a session measures.
func phases() (names []string) {
	for _, s := range []fsm.State{fsm.Resolve, fsm.Dial, fsm.TLS, fsm.Greeting, fsm.Ehlo, fsm.StartTLS, fsm.Auth, fsm.Mail} {
		names = append(names, s.String())
	}
	return names
}

// histogram is an instrument of durations with attributes from a bounded set.
// Those of what went well are made once.
type histogram struct {
	metric.Float64Histogram
	key  attribute.Key // of the name; "" if there is none
	tls  bool          // the version of TLS is an attribute
	sets map[string]*[versions]atomic.Pointer[[]metric.RecordOption]
}

// label prepares the attributes for the names that are told apart.
func (g *histogram) label(k attribute.Key, names ...string) {
	g.key = k
	g.sets = make(map[string]*[versions]atomic.Pointer[[]metric.RecordOption], len(names)+1)
	for _, name := range append(names, other) {
		g.sets[name] = new([versions]atomic.Pointer[[]metric.RecordOption])
	}
}

// since records how long a scope has taken.
func (g *histogram) since(ctx context.Context, s *scope, name string, err error) {
	v := noTLS
	if s.life != nil {
		v = s.life.version
	}
	g.record(ctx, time.Since(s.began), name, v, s.host, err)
}

// record records a duration.
func (g *histogram) record(ctx context.Context, took time.Duration, name string, v version, host string, err error) {
	if g.Enabled(ctx) {
		g.Record(ctx, took.Seconds(), g.labels(name, v, host, err)...)
	}
}

// labels returns the attributes of a measurement.
func (g *histogram) labels(name string, v version, host string, err error) []metric.RecordOption {
	if _, known := g.sets[name]; !known {
		name = other
	}
	if !g.tls {
		v = noTLS
	}
	kept := &g.sets[name][v]
	if err == nil && host == "" {
		if made := kept.Load(); made != nil {
			return *made
		}
	}
	attrs := make([]attribute.KeyValue, 0, 4)
	if g.key != "" {
		attrs = append(attrs, g.key.String(name))
	}
	if v != noTLS {
		attrs = append(attrs, KeyTLSVersion.String(v.String()))
	}
	made := []metric.RecordOption{metric.WithAttributes(attributesOf(attrs, host, err)...)}
	if err == nil && host == "" {
		kept.Store(&made)
	}
	return made
}

// attributesOf adds what any measurement may have.
func attributesOf(attrs []attribute.KeyValue, host string, err error) []attribute.KeyValue {
	if host != "" {
		attrs = append(attrs, KeyServerAddress.String(host))
	}
	if err != nil {
		errorType, _ := failure(err)
		attrs = append(attrs, KeyErrorType.String(errorType))
	}
	return attrs
}

// counter is an instrument that counts things that went wrong, or may have.
type counter struct{ metric.Int64Counter }

// add counts one.
func (c counter) add(ctx context.Context, host string, err error, attrs ...attribute.KeyValue) {
	if c.Enabled(ctx) {
		c.Add(ctx, 1, metric.WithAttributes(attributesOf(attrs, host, err)...))
	}
}

// label returns the host as metrics show it, "" if they do not.
func (h *Hook) label(host string) string {
	if !h.serverAddress {
		return ""
	}
	return smtp.Escape(host)
}
