package tracing_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// all are the metrics.
func all() []string {
	return []string{tracing.MetricSessions, tracing.MetricSessionDuration, tracing.MetricConnectDuration, tracing.MetricConnectRetries,
		tracing.MetricPhaseDuration, tracing.MetricCommandDuration, tracing.MetricMessages}
}

// error.type is a kind, the digits of a refusal, or _OTHER; whatever a server
// says, its words and numbers are no labels.
func TestLabels_ErrorTypeIsBounded(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&smtp.Error{Kind: smtp.KindTimeout}, "timeout"},
		{&smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 451, Text: "ann"}}, "451"},
		{&smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 999, Text: "ann"}}, "reply"},
		{&smtp.Error{Kind: smtp.KindProtocol, Reply: smtp.Reply{Code: 666}}, "protocol"},
		{&smtp.Error{Kind: smtp.Kind(200)}, "_OTHER"},
		{errors.New("ann@example.org"), "_OTHER"},
	} {
		p, counted := counting(t)
		h := tracing.New(tracing.Config{MeterProvider: p})
		command(context.Background(), nil, h, "NOOP", c.err)
		same(t, "counts", counted(tracing.MetricCommandDuration), "smtp.client.command.duration error.type="+c.want+",smtp.command=NOOP 1")
	}
}

func TestLabels_TLSVersions(t *testing.T) {
	for v, want := range map[uint16]string{tls.VersionTLS10: "1.0", tls.VersionTLS11: "1.1", tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3",
		0x0300: "_OTHER", 0x7f1c: "_OTHER", 0: "_OTHER"} {
		p, counted := counting(t)
		h := tracing.New(tracing.Config{MeterProvider: p})
		state := &tls.ConnectionState{Version: v}
		life{attempts: []attempt{
			{err: lost, retry: true, phases: []events.PhaseEnd{{Phase: fsm.TLS, TLS: state}}},
			{phases: []events.PhaseEnd{{Phase: fsm.Dial, TLS: state}}}, // a proxy's, and another connection
		}}.tell(t, context.Background(), h)
		same(t, "counts", counted(tracing.MetricPhaseDuration, tracing.MetricConnectDuration),
			"smtp.client.connect.duration  1",
			"smtp.client.phase.duration smtp.phase=dial 1",
			"smtp.client.phase.duration smtp.phase=tls,tls.protocol.version="+want+" 1")
	}
}

// server.address is on every metric where it was asked for, and else on none.
func TestLabels_ServerAddressIsAskedFor(t *testing.T) {
	for _, asked := range []bool{true, false} {
		p, counted := counting(t)
		h := tracing.New(tracing.Config{MeterProvider: p, ServerAddress: asked})
		connect := retried().tell(t, context.Background(), h)
		command(context.Background(), connect, h, "NOOP", nil)
		r := &events.Request{Session: 7, Host: "mail.example.org", Connect: connect}
		mail := h.PhaseStart(context.Background(), events.PhaseStart{Phase: fsm.Mail, Request: r})
		h.PhaseEnd(mail, events.PhaseEnd{Phase: fsm.Mail, Receipt: &smtp.Receipt{Outcome: smtp.Accepted}})
		h.LifeOver(connect, events.LifeOver{})
		for line := range strings.Lines(counted(all()...)) {
			if got := strings.Contains(line, "server.address=mail.example.org"); got != asked {
				t.Errorf("asked %v: %s", asked, line)
			}
		}
		for _, name := range all() {
			if counted(name) == "\n" {
				t.Errorf("%s was not measured", name)
			}
		}
	}
}
