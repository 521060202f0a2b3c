package tracing_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/codes"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

func TestConnect_Attributes(t *testing.T) {
	p, spans := record(t)
	retried().tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p}))
	same(t, "attributes", attrs(named(spans.Ended(), "smtp.connect")[0]),
		"network.protocol.name=smtp string",
		"server.address=mail.example.org string",
		"server.port=25 int64",
		"smtp.connect.attempts=2 int64",
		"smtp.session.id=8 int64")
}

func TestConnect_InvalidArgumentsHaveNoServer(t *testing.T) {
	p, spans := record(t)
	h := tracing.New(tracing.Config{TracerProvider: p})
	ctx := h.ConnectStart(context.Background(), events.ConnectStart{Session: 3})
	h.ConnectEnd(ctx, events.ConnectEnd{Err: smtp.Invalid("HostName is empty")})
	s := spans.Ended()[0]
	same(t, "attributes", attrs(s),
		"error.type=invalid_argument string",
		"network.protocol.name=smtp string",
		"smtp.connect.attempts=0 int64",
		"smtp.session.id=3 int64")
	if st := s.Status(); st.Code != codes.Error || st.Description != "invalid argument" {
		t.Errorf("status %+v", st)
	}
}
