package tracing

import (
	"context"
	"reflect"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/ehlo-go/ehlo/smtp"
)

// metricMessages counts messages by what became of them.
const metricMessages = "smtp.client.messages"

// instruments are those of one provider.
type instruments struct {
	provider metric.MeterProvider
	messages metric.Int64Counter
	accepted metric.AddOption // the attributes of most messages
}

func newInstruments(p metric.MeterProvider) *instruments {
	m := p.Meter(ScopeName, metric.WithInstrumentationVersion(ScopeVersion), metric.WithSchemaURL(semconv.SchemaURL))
	messages, err := m.Int64Counter(metricMessages, metric.WithUnit("{message}"),
		metric.WithDescription("Messages by what became of them."))
	if err != nil {
		otel.Handle(err) // the name is none; what comes with it counts nothing
	}
	return &instruments{provider: p, messages: messages,
		accepted: metric.WithAttributeSet(attribute.NewSet(keyOutcome.String(smtp.Accepted.String())))}
}

// meters returns the instruments of the provider there is now, nil if nothing
// would be counted. They are made once a provider.
func (h *Hook) meters() *instruments {
	p := h.meterProvider
	if p == nil {
		p = otel.GetMeterProvider()
	}
	if placeholder(p) {
		return nil
	}
	i := h.instruments.Load()
	if i == nil || !same(i.provider, p) {
		i = newInstruments(p)
		h.instruments.Store(i)
	}
	return i
}

// same reports whether two providers are one, as far as can be known without a
// comparison that could panic: of those that are no pointers, by their type.
func same(a, b metric.MeterProvider) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && (t.Kind() != reflect.Pointer || a == b)
}

// count counts a message.
func (h *Hook) count(ctx context.Context, r *smtp.Receipt, err error) {
	if r == nil {
		return
	}
	i := h.meters()
	if i == nil || !i.messages.Enabled(ctx) {
		return
	}
	if err == nil && r.Outcome == smtp.Accepted {
		i.messages.Add(ctx, 1, i.accepted)
		return
	}
	attrs := []attribute.KeyValue{keyOutcome.String(r.Outcome.String())}
	if err != nil {
		errorType, _ := failure(err)
		attrs = append(attrs, keyErrorType.String(errorType))
	}
	i.messages.Add(ctx, 1, metric.WithAttributes(attrs...))
}
