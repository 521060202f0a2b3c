package events

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// maxLoggedAddrs bounds dns.answers: a hostile zone has thousands.
const maxLoggedAddrs = 32

// attrsOf returns what the record of an event says.
func attrsOf(e Event) []slog.Attr {
	a := make(attrs, 0, 16)
	a.head(e.Head())
	switch e := e.(type) {
	case OnStateChange:
		a.text("smtp.phase.before", e.From.String())
	case OnResolve:
		a.server(e.Host, 0)
		a.answers(e)
	case OnDial:
		a.peer(e.Remote)
		a.text("network.local.address", e.Local)
		a.text("smtp.proxy", e.Proxy)
		a.add(slog.Int("smtp.dials", e.Dials))
	case OnGreeting:
		a.reply(e.Reply)
	case OnHello:
		a.text("smtp.local_name", e.Name)
		a.add(slog.Bool("smtp.extended", e.Extended))
		a.reply(e.Reply)
	case OnSecure:
		a.secure(e)
	case OnConnect:
		a.server(e.Host, e.Port)
		a.peer(e.Remote)
		a.add(slog.Int("smtp.connect.attempts", e.Attempt), slog.Bool("smtp.extended", e.Extended), slog.Bool("smtp.secure", e.Secure))
		a.seconds("smtp.duration", e.Elapsed)
	case OnCommand:
		a.text("smtp.command", e.Verb)
		a.answer(e.Reply, e.Err, e.Elapsed)
	case OnAuthenticate:
		a.text("smtp.auth.mechanism", e.Mechanism)
		a.answer(e.Reply, e.Err, e.Elapsed)
	case OnRecipient:
		a.text("smtp.recipient", e.Address)
		a.reply(e.Reply)
		a.failure(e.Err)
	case OnProgress:
		a.add(slog.Int64("smtp.message.octets", e.Octets))
		if e.Size >= 0 {
			a.add(slog.Int64("smtp.message.size", e.Size))
		}
	case OnMessage:
		a.message(e)
	case OnRetry:
		a.server(e.Host, e.Port)
		a.seconds("smtp.backoff.delay", e.Delay)
		a.failure(e.Err)
	case OnTimeout:
		a.failure(e.Err)
	case OnCancel:
		a.failure(e.Err)
	case OnError:
		a.server(e.Host, e.Port)
		a.add(slog.Bool("smtp.final", e.Final))
		a.failure(e.Err)
	case OnDisconnect:
		a.server(e.Host, e.Port)
		a.text("smtp.disconnect.reason", e.Reason.String())
		a.reply(e.Reply)
		a.failure(e.Err)
	case Lagged:
		a.add(slog.Uint64("smtp.missed", e.Missed))
	}
	return a
}

// attrs are the attributes of a record. What is empty is left out.
type attrs []slog.Attr

func (a *attrs) add(more ...slog.Attr) { *a = append(*a, more...) }

// text adds what is not ehlo's own, escaped and cut.
func (a *attrs) text(key, value string) {
	if value != "" {
		a.add(slog.String(key, smtp.Escape(value)))
	}
}

func (a *attrs) seconds(key string, d time.Duration) { a.add(slog.Float64(key, d.Seconds())) }

func (a *attrs) head(h Header) {
	a.add(slog.Uint64("smtp.session.id", h.Session), slog.Uint64("smtp.session.life", h.Life), slog.Uint64("smtp.event.seq", h.Seq))
	if h.Attempt > 0 {
		a.add(slog.Int("smtp.connect.attempt", h.Attempt))
	}
	a.add(slog.String("smtp.phase", h.State.String()))
}

func (a *attrs) server(host string, port int) {
	a.text("server.address", host)
	if port != 0 {
		a.add(slog.Int("server.port", port))
	}
}

// peer adds the other end of a connection, which need not be of TCP.
func (a *attrs) peer(remote string) {
	p, err := netip.ParseAddrPort(remote)
	if err != nil {
		a.text("network.peer.address", remote)
		return
	}
	addr := p.Addr().Unmap()
	family := "ipv6"
	if addr.Is4() {
		family = "ipv4"
	}
	a.text("network.peer.address", addr.String()) // a zone is free text
	a.add(slog.Int("network.peer.port", int(p.Port())), slog.String("network.transport", "tcp"), slog.String("network.type", family))
}

func (a *attrs) answers(e OnResolve) {
	if e.Queried {
		a.text("dns.question.name", e.Host)
	}
	if len(e.Addrs) == 0 {
		return
	}
	shown := make([]string, 0, maxLoggedAddrs)
	for _, addr := range e.Addrs[:min(len(e.Addrs), maxLoggedAddrs)] {
		shown = append(shown, smtp.Escape(addr.String()))
	}
	a.add(slog.Any("dns.answers", shown))
}

func (a *attrs) secure(e OnSecure) {
	a.add(slog.String("tls.protocol.version", strings.TrimPrefix(tls.VersionName(e.Version), "TLS ")),
		slog.String("tls.cipher", tls.CipherSuiteName(e.CipherSuite)), slog.Bool("tls.resumed", e.Resumed))
	a.text("tls.client.server_name", e.ServerName)
	a.add(slog.Bool("smtp.tls.verified", e.Verdict == nil))
	a.failure(e.Verdict)
}

func (a *attrs) reply(r smtp.Reply) {
	if r.IsZero() {
		return
	}
	a.add(slog.Int("smtp.reply.code", r.Code))
	if !r.Enhanced.IsZero() {
		a.add(slog.String("smtp.reply.enhanced_code", r.Enhanced.String()))
	}
	a.text("smtp.reply.text", strings.ReplaceAll(r.Text, "\n", " / "))
}

// answer adds what came of a command.
func (a *attrs) answer(r smtp.Reply, err error, took time.Duration) {
	a.reply(r)
	a.failure(err)
	a.seconds("smtp.duration", took)
}

func (a *attrs) failure(err error) {
	if err == nil {
		return
	}
	name := smtp.KindOther.String()
	if e, ok := errors.AsType[*smtp.Error](err); ok {
		name = e.ErrorType()
	}
	a.add(slog.String("error.type", name), slog.String("error", errorText(err)))
}

func (a *attrs) message(e OnMessage) {
	if r := e.Receipt; r != nil {
		accepted := 0
		for i := range r.Recipients {
			if r.Recipients[i].Outcome == smtp.Accepted {
				accepted++
			}
		}
		a.add(slog.String("smtp.message.outcome", r.Outcome.String()), slog.Int64("smtp.message.size", r.Octets),
			slog.Int("smtp.recipients.accepted", accepted), slog.Int("smtp.recipients.rejected", len(r.Recipients)-accepted))
		a.text("smtp.message.queue_id", r.QueueID)
		a.reply(r.Reply)
	}
	a.failure(e.Err)
	a.seconds("smtp.duration", e.Elapsed)
}
