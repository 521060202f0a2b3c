package tracing_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

func TestPhase_Attributes(t *testing.T) {
	p, spans := record(t)
	explicit().tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p}))
	for name, want := range map[string][]string{
		"smtp.resolve":  {`dns.answers=["192.0.2.1","2001:db8::1"] stringslice`, "dns.question.name=mail.example.org string"},
		"smtp.greeting": {"smtp.reply.code=220 int64"},
		"smtp.ehlo":     {"smtp.reply.code=250 int64"},
		"smtp.starttls": {
			"smtp.reply.code=220 int64",
			"smtp.reply.enhanced_code=2.0.0 string",
			"smtp.tls.verified=true bool",
			"tls.cipher=TLS_AES_128_GCM_SHA256 string",
			"tls.protocol.version=1.3 string",
			"tls.resumed=true bool"},
	} {
		same(t, name, attrs(named(spans.Ended(), name)[0]), want...)
	}
	if got := attrs(named(spans.Ended(), "smtp.dial")[0]); got != "" {
		t.Errorf("smtp.dial: %s", got)
	}
}

// phase records one phase alone.
func phase(t *testing.T, e events.PhaseEnd) string {
	t.Helper()
	p, spans := record(t)
	life{attempts: []attempt{{phases: []events.PhaseEnd{e}}}}.tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p}))
	return attrs(spans.Ended()[0])
}

func TestPhase_AnswersAreBounded(t *testing.T) {
	e := events.PhaseEnd{Phase: fsm.Resolve, Host: "many.example.org", Addrs: make([]netip.Addr, 5000)}
	for i := range e.Addrs {
		e.Addrs[i] = netip.MustParseAddr("192.0.2.1")
	}
	if got := len(phase(t, e)); got > 1024 {
		t.Errorf("%d octets of attributes", got)
	}
}

func TestPhase_OptionalStartTLSRefused(t *testing.T) {
	same(t, "smtp.starttls", phase(t, events.PhaseEnd{Phase: fsm.StartTLS, Reply: smtp.Reply{Code: 454}}),
		"smtp.reply.code=454 int64")
}

func TestPhase_NoLookUpWhereNobodyIsAsked(t *testing.T) {
	p, spans := record(t)
	life{attempts: []attempt{{phases: []events.PhaseEnd{{Phase: fsm.Resolve}, {Phase: fsm.Dial}}}}}.tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p}))
	if n, dials := len(named(spans.Ended(), "smtp.resolve")), len(named(spans.Ended(), "smtp.dial")); n != 0 || dials != 1 {
		t.Errorf("%d look-ups, %d dials", n, dials)
	}
}

func TestPhase_OnlyThoseOfAConnect(t *testing.T) {
	for _, s := range fsm.States() {
		want := s.Connecting() && s != fsm.Backoff
		p, spans := record(t)
		life{attempts: []attempt{{phases: []events.PhaseEnd{{Phase: s, Host: "mail.example.org"}}}}}.tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p}))
		if got := len(named(spans.Ended(), "smtp."+s.String())) == 1; got != want {
			t.Errorf("%v has a span: %t, want %t", s, got, want)
		}
		if s, e := len(spans.Started()), len(spans.Ended()); s != e {
			t.Errorf("%d spans started, %d ended", s, e)
		}
	}
}
