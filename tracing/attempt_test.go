package tracing_test

import (
	"context"
	"net/netip"
	"testing"

	"go.opentelemetry.io/otel/codes"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/tracing"
)

func TestAttempt_Attributes(t *testing.T) {
	p, spans := record(t)
	retried().tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p}))
	attempts := named(spans.Ended(), "smtp.connect.attempt")
	same(t, "first", attrs(attempts[0]),
		"error.type=421 string",
		"network.peer.address=192.0.2.1 string",
		"network.peer.port=25 int64",
		"network.transport=tcp string",
		"network.type=ipv4 string",
		"server.address=mail.example.org string",
		"server.port=25 int64",
		"smtp.connect.attempt=1 int64")
	same(t, "second", attrs(attempts[1]),
		"network.peer.address=2001:db8::1 string",
		"network.peer.port=25 int64",
		"network.transport=tcp string",
		"network.type=ipv6 string",
		"server.address=mail.example.org string",
		"server.port=25 int64",
		"smtp.backoff.delay=1.5 float64",
		"smtp.connect.attempt=2 int64")
}

func TestAttempt_RetriedFailureMarksOnlyItself(t *testing.T) {
	p, spans := record(t)
	retried().tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p}))
	same(t, "tree", tree(spans.Ended()),
		"smtp.connect",
		"  smtp.connect.attempt",
		"    smtp.greeting",
		"  smtp.connect.attempt",
		"    smtp.greeting")
	attempts := named(spans.Ended(), "smtp.connect.attempt")
	for what, got := range map[string]codes.Code{
		"failed attempt": attempts[0].Status().Code - codes.Error,
		"good attempt":   attempts[1].Status().Code,
		"connect":        named(spans.Ended(), "smtp.connect")[0].Status().Code,
	} {
		if got != 0 {
			t.Errorf("%s has the wrong status", what)
		}
	}
}

func TestAttempt_Peer(t *testing.T) {
	for peer, want := range map[netip.AddrPort]string{
		netip.MustParseAddrPort("[::ffff:192.0.2.9]:465"): "network.peer.address=192.0.2.9 string\nnetwork.peer.port=465 int64\n" +
			"network.transport=tcp string\nnetwork.type=ipv4 string\nsmtp.connect.attempt=1 int64\n",
		{}: "smtp.connect.attempt=1 int64\n", // a pipe, or never dialled
	} {
		p, spans := record(t)
		h := tracing.New(tracing.Config{TracerProvider: p})
		ctx := h.ConnectStart(context.Background(), events.ConnectStart{})
		ctx = h.AttemptStart(ctx, events.AttemptStart{Attempt: 1})
		h.AttemptEnd(ctx, events.AttemptEnd{Attempt: 1, Peer: peer})
		if got := attrs(spans.Ended()[0]); got != want {
			t.Errorf("%v:\n%swant:\n%s", peer, got, want)
		}
	}
}
