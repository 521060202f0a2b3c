package show

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Spans is an exporter that keeps the spans, for a tree at the end. Spans end
// on the session's goroutine, which must not wait for a terminal.
type Spans struct {
	provider *sdktrace.TracerProvider
	mu       sync.Mutex
	spans    []sdktrace.ReadOnlySpan
}

// NewSpans returns a tree without spans.
func NewSpans() *Spans {
	t := &Spans{}
	t.provider = sdktrace.NewTracerProvider(sdktrace.WithSyncer(t), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	return t
}

// ExportSpans keeps the spans.
func (t *Spans) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spans = append(t.spans, spans...)
	return nil
}

// Provider is what makes the spans.
func (t *Spans) Provider() trace.TracerProvider { return t.provider }

// Shutdown does nothing.
func (t *Spans) Shutdown(context.Context) error { return nil }

// Print writes the tree: name, duration and status, below them the attributes.
func (t *Spans) Print(out io.Writer) {
	_ = t.provider.Shutdown(context.Background())
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortStableFunc(t.spans, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	var b strings.Builder
	b.WriteString("\nSpans\n")
	t.branch(&b, trace.SpanID{}, 1)
	fmt.Fprint(out, b.String())
}

// branch writes the spans below parent.
func (t *Spans) branch(b *strings.Builder, parent trace.SpanID, depth int) {
	for _, s := range t.spans {
		if s.Parent().SpanID() != parent {
			continue
		}
		indent := strings.Repeat("  ", depth)
		line := fmt.Sprintf("%s %*s", pad(indent+s.Name(), 34), timeColumn, short(s.EndTime().Sub(s.StartTime())))
		if s.Status().Code == codes.Error {
			line += "  failed: " + s.Status().Description
		}
		b.WriteString(line + "\n")
		var attributes []string
		for _, l := range s.Links() {
			attributes = append(attributes, "link="+t.name(l.SpanContext.SpanID()))
		}
		for _, a := range s.Attributes() {
			attributes = append(attributes, string(a.Key)+"="+a.Value.String())
		}
		for _, line := range Wrap(strings.Join(attributes, " "), Columns-len(indent)-4) {
			if line != "" {
				b.WriteString(indent + "    " + line + "\n")
			}
		}
		t.branch(b, s.SpanContext().SpanID(), depth+1)
	}
}

// name returns the name of a span, "" if it is not here.
func (t *Spans) name(id trace.SpanID) string {
	i := slices.IndexFunc(t.spans, func(s sdktrace.ReadOnlySpan) bool { return s.SpanContext().SpanID() == id })
	if i < 0 {
		return ""
	}
	return t.spans[i].Name()
}
