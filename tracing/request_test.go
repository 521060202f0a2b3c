package tracing_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// login tells an Authenticate to a hook. connect is what ConnectStart returned.
func login(ctx, connect context.Context, h *tracing.Hook, err error) {
	r := &events.Request{Session: 7, Host: "mail.example.org", Port: 587, Peer: peer4, Connect: connect}
	ctx = h.PhaseStart(ctx, events.PhaseStart{Phase: fsm.Auth, Request: r})
	h.PhaseEnd(ctx, events.PhaseEnd{Phase: fsm.Auth, Mechanism: "PLAIN", Err: err,
		Reply: smtp.Reply{Code: 535, Enhanced: smtp.EnhancedCode{Class: 5, Subject: 7, Detail: 8}, Text: "5.7.8 no, ann"}})
}

func TestRequest_AuthIsTheCallersWithALinkToItsConnect(t *testing.T) {
	for _, compact := range []bool{false, true} {
		p, spans := record(t)
		h := tracing.New(tracing.Config{TracerProvider: p, Compact: compact})
		connect := h.ConnectStart(context.Background(), events.ConnectStart{Session: 7})
		h.ConnectEnd(connect, events.ConnectEnd{Attempts: 1})

		ctx, caller := p.Tracer("caller").Start(context.Background(), "caller")
		login(ctx, connect, h, &smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 535, Text: "5.7.8 no, ann"}})
		caller.End()
		same(t, "tree", tree(spans.Ended()), "smtp.connect", "caller", "  smtp.auth")
		s := named(spans.Ended(), "smtp.auth")[0]
		same(t, "smtp.auth", attrs(s),
			"error.type=535 string",
			"network.peer.address=192.0.2.1 string",
			"network.peer.port=25 int64",
			"network.protocol.name=smtp string",
			"network.transport=tcp string",
			"network.type=ipv4 string",
			"server.address=mail.example.org string",
			"server.port=587 int64",
			"smtp.auth.mechanism=PLAIN string",
			"smtp.reply.code=535 int64",
			"smtp.reply.enhanced_code=5.7.8 string",
			"smtp.session.id=7 int64")
		if s.SpanKind() != trace.SpanKindClient || s.Status().Code != codes.Error || strings.Contains(s.Status().Description, "ann") {
			t.Errorf("kind %v, status %+v", s.SpanKind(), s.Status())
		}
		of := named(spans.Ended(), "smtp.connect")[0].SpanContext()
		if l := s.Links(); len(l) != 1 || !l[0].SpanContext.Equal(of) {
			t.Errorf("links %v, want one to %v", l, of)
		}
	}
}

// A session whose connect was not recorded has nothing to link to; inside the
// hooks of another session, its login ends only its own span.
func TestRequest_WithoutConnectSpanAndInsideAnotherSession(t *testing.T) {
	p, spans := record(t)
	h := tracing.New(tracing.Config{TracerProvider: p})
	outer := h.ConnectStart(context.Background(), events.ConnectStart{Session: 1})
	login(outer, nil, h, nil)
	login(outer, context.Background(), h, nil)
	h.ConnectEnd(outer, events.ConnectEnd{Attempts: 1})
	same(t, "tree", tree(spans.Ended()), "smtp.connect", "  smtp.auth", "  smtp.auth")
	for _, s := range named(spans.Ended(), "smtp.auth") {
		if len(s.Links()) != 0 || s.Status().Code != codes.Unset {
			t.Errorf("links %v, status %v", s.Links(), s.Status())
		}
	}
	quiet := tracing.New(tracing.Config{})
	allocs := testing.AllocsPerRun(100, func() {
		ctx := quiet.PhaseStart(context.Background(), events.PhaseStart{Phase: fsm.Auth, Request: &events.Request{}})
		quiet.PhaseEnd(ctx, events.PhaseEnd{Phase: fsm.Auth})
	})
	if allocs > 1 { // the Request of this test
		t.Errorf("%v allocations without a provider", allocs)
	}
}

// send tells a message to a hook.
func send(ctx context.Context, h *tracing.Hook, r *smtp.Receipt, err error) {
	ctx = h.PhaseStart(ctx, events.PhaseStart{Phase: fsm.Mail, Request: &events.Request{Session: 7, Host: "mail.example.org", Port: 587, Peer: peer4}})
	h.PhaseEnd(ctx, events.PhaseEnd{Phase: fsm.Mail, Receipt: r, Reply: r.Reply, Err: err})
}

func TestRequest_SendSaysWhatBecameOfTheMessage(t *testing.T) {
	p, spans := record(t)
	h := tracing.New(tracing.Config{TracerProvider: p})
	send(context.Background(), h, &smtp.Receipt{
		Outcome: smtp.Accepted, Octets: 1234, QueueID: "4ABC", Reply: smtp.Reply{Code: 250, Text: "queued for ann@example.org"},
		Recipients: []smtp.RecipientReceipt{{Address: "ann@example.org", Outcome: smtp.Accepted}, {Address: "bob@example.org", Outcome: smtp.Rejected}},
	}, &smtp.Error{Kind: smtp.KindSomeRefused})
	s := named(spans.Ended(), "smtp.send")[0]
	same(t, "smtp.send", attrs(s),
		"error.type=recipients_refused string",
		"network.peer.address=192.0.2.1 string",
		"network.peer.port=25 int64",
		"network.protocol.name=smtp string",
		"network.transport=tcp string",
		"network.type=ipv4 string",
		"server.address=mail.example.org string",
		"server.port=587 int64",
		"smtp.message.outcome=accepted string",
		"smtp.message.size=1234 int64",
		"smtp.recipients.accepted=1 int64",
		"smtp.recipients.rejected=1 int64",
		"smtp.reply.code=250 int64",
		"smtp.session.id=7 int64")
	if s.SpanKind() != trace.SpanKindClient {
		t.Errorf("kind %v", s.SpanKind())
	}
}
