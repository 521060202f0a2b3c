package tracing_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/tracing"
)

func TestHook_TreeOfALife(t *testing.T) {
	p, spans := record(t)
	ctx, caller := p.Tracer("caller").Start(context.Background(), "caller")
	explicit().tell(t, ctx, tracing.New(tracing.Config{TracerProvider: p}))
	caller.End()
	same(t, "tree", tree(spans.Ended()),
		"caller",
		"  smtp.connect",
		"    smtp.connect.attempt",
		"      smtp.resolve",
		"      smtp.dial",
		"      smtp.greeting",
		"      smtp.ehlo",
		"      smtp.starttls",
		"      smtp.ehlo")
	if s, e := len(spans.Started()), len(spans.Ended()); s != e {
		t.Errorf("%d spans started, %d ended", s, e)
	}
	for _, s := range spans.Ended()[:len(spans.Ended())-1] {
		kind := trace.SpanKindInternal
		if s.Name() == "smtp.connect.attempt" {
			kind = trace.SpanKindClient
		}
		if s.SpanKind() != kind {
			t.Errorf("%s has kind %v, want %v", s.Name(), s.SpanKind(), kind)
		}
		if s.Status().Code != codes.Unset {
			t.Errorf("%s has status %v", s.Name(), s.Status())
		}
		if len(s.Events()) != 0 {
			t.Errorf("%s has span events", s.Name())
		}
		scope := s.InstrumentationScope()
		if scope.Name != tracing.ScopeName || scope.Version != tracing.ScopeVersion || scope.SchemaURL != semconv.SchemaURL {
			t.Errorf("%s has scope %+v", s.Name(), scope)
		}
	}
}

func TestHook_CompactHasNoPhases(t *testing.T) {
	p, spans := record(t)
	explicit().tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p, Compact: true}))
	same(t, "tree", tree(spans.Ended()),
		"smtp.connect",
		"  smtp.connect.attempt")
}
