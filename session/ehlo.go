package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// ehlo says EHLO, HELO (RFC 5321 4.1.1.1) or LHLO (RFC 2033 4.1). The state is entered again after
// STARTTLS.
func (a *actor) ehlo(ctx context.Context) (fsm.Trigger, error) {
	name := a.localName()
	verb := "HELO"
	switch {
	case a.plan.lmtp:
		verb = "LHLO"
	case a.plan.extended || a.plan.security == explicit:
		verb = "EHLO"
	}
	r, err := a.hello(ctx, verb, name)
	if err == nil && verb == "EHLO" && r.Permanent() && a.plan.security != explicit {
		r, err = a.fallBack(ctx, r, name)
		verb = "HELO"
	}
	if err == nil {
		err = refusal(r)
	}
	if err != nil {
		return 0, a.explainHello(err, verb)
	}
	a.caps = smtp.Capabilities{}
	if verb != "HELO" {
		a.caps = smtp.ParseCapabilities(r, a.s.config.DiscardKeywords...)
	}
	a.extended = verb != "HELO" && a.plan.extended
	if h, ok := a.heard(events.KindHello); ok {
		a.tell(events.OnHello{Header: h, Name: name, Extended: a.extended, Reply: r, Capabilities: a.caps})
	}
	if a.plan.security != explicit || a.secure {
		return fsm.Hello, nil
	}
	if !a.caps.Has("STARTTLS") {
		return 0, &smtp.Error{Kind: smtp.KindNoTLS, Command: verb,
			Err: errors.New("SecureExplicit is set, so nothing goes on in clear (RFC 3207 6)")}
	}
	return fsm.Upgrade, nil
}

func (a *actor) hello(ctx context.Context, verb, name string) (smtp.Reply, error) {
	r, err := a.exchange(ctx, verb, verb+" "+name, a.plan.timeouts.Hello, false)
	a.facts.Reply = r
	return r, err
}

// fallBack says HELO to a server that refused EHLO with 5yz. If that is refused
// too, EHLO's reply is the one to report.
func (a *actor) fallBack(ctx context.Context, refused smtp.Reply, name string) (smtp.Reply, error) {
	r, err := a.hello(ctx, "HELO", name)
	if err == nil && r.Negative() && r.Code != 421 {
		return refused, &smtp.Error{Kind: smtp.KindReply, Command: "EHLO", Reply: refused, Permanent: true,
			Err: fmt.Errorf("HELO too: %v", r)}
	}
	if err != nil && asError(err).Reply.IsZero() {
		asError(err).Reply = refused // and then the server said no more
	}
	return r, err
}

// explainHello names the command, and what a refused EHLO means where TLS was
// to follow it.
func (a *actor) explainHello(err error, verb string) error {
	e := asError(err)
	if e.Command == "" {
		e.Command = verb
	}
	if a.plan.security == explicit && !a.secure && e.Kind == smtp.KindReply && e.Permanent {
		e.Kind, e.Permanent = smtp.KindNoTLS, false
		e.Err = errors.New("the server knows no " + verb + ", so no STARTTLS either, which SecureExplicit demands")
	}
	return e
}

// localName returns what the client calls itself: the LocalName of the
// configuration, the machine's name if it is a full one, else the address of
// this end of the connection. Never "localhost".
func (a *actor) localName() string {
	if a.plan.localName != "" {
		return a.plan.localName
	}
	if name, err := os.Hostname(); err == nil {
		if name, ok := fullName(name); ok {
			return name
		}
	}
	return literalOf(a.conn.NetConn().LocalAddr())
}

// fullName returns a machine's name as it may stand in EHLO, and whether it may.
// DNS is not asked.
func fullName(name string) (string, bool) {
	lower := strings.ToLower(name)
	for _, private := range []string{".local", ".localdomain", ".internal"} {
		if strings.HasSuffix(lower, private) {
			return "", false
		}
	}
	parsed, err := smtp.ParseLocalName(name)
	return parsed, err == nil && strings.Contains(name, ".") && !strings.HasPrefix(parsed, "[")
}

// literalOf returns the address literal of this end, and that of loopback where
// the connection has no IP address.
func literalOf(local net.Addr) string {
	if tcp, ok := local.(*net.TCPAddr); ok {
		if addr, ok := netip.AddrFromSlice(tcp.IP); ok {
			return smtp.AddressLiteral(addr)
		}
	}
	return "[127.0.0.1]"
}
