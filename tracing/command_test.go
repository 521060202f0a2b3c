package tracing_test

import (
	"context"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// command tells a command that a caller asked for to a hook. connect is what
// ConnectStart returned.
func command(ctx, connect context.Context, h *tracing.Hook, verb string, err error) {
	ctx = h.CommandStart(ctx, events.CommandStart{Verb: verb, Request: &events.Request{Session: 7, Host: "mail.example.org", Connect: connect}})
	h.CommandEnd(ctx, events.CommandEnd{Verb: verb, Err: err})
}

// smtp.command is a verb that we know, whatever the program or the server says;
// commands of one flight are open together.
func TestCommand_Durations(t *testing.T) {
	p, counted := counting(t)
	h := tracing.New(tracing.Config{MeterProvider: p})
	l := explicit()
	l.attempts[0].inside = func(ctx context.Context) {
		first := h.CommandStart(ctx, events.CommandStart{Verb: "EHLO"})
		second := h.CommandStart(ctx, events.CommandStart{Verb: "XCLIENT"})
		h.CommandEnd(first, events.CommandEnd{Verb: "EHLO"})
		h.CommandEnd(second, events.CommandEnd{Verb: "XCLIENT"})
	}
	connect := l.tell(t, context.Background(), h)
	command(context.Background(), connect, h, "NOOP", nil)
	command(context.Background(), connect, h, "XNOTE", &smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 502, Text: "no, ann@example.org"}})
	command(context.Background(), nil, h, "VRFY", nil)
	same(t, "counts", counted(tracing.MetricCommandDuration),
		"smtp.client.command.duration error.type=502,smtp.command=_OTHER,tls.protocol.version=1.3 1",
		"smtp.client.command.duration smtp.command=EHLO 5",
		"smtp.client.command.duration smtp.command=EHLO,tls.protocol.version=1.3 1",
		"smtp.client.command.duration smtp.command=NOOP,tls.protocol.version=1.3 1",
		"smtp.client.command.duration smtp.command=VRFY 1",
		"smtp.client.command.duration smtp.command=_OTHER 5",
		"smtp.client.command.duration smtp.command=_OTHER,tls.protocol.version=1.3 1")
}

// Neither a command nor a phase whose Start was told before there was a provider is
// measured or ends another's scope.
func TestCommand_EndWithoutAStart(t *testing.T) {
	p, counted := counting(t)
	h := tracing.New(tracing.Config{MeterProvider: p})
	outer := h.ConnectStart(context.Background(), events.ConnectStart{})
	h.CommandEnd(outer, events.CommandEnd{Verb: "QUIT"})
	h.PhaseEnd(outer, events.PhaseEnd{Phase: fsm.Dial})
	same(t, "counts", counted(tracing.MetricCommandDuration, tracing.MetricPhaseDuration, tracing.MetricConnectDuration), "")
}
