package session

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// dialVeto is what the hooks have said of the addresses of one attempt.
type dialVeto struct {
	refused refusals
	lasting bool  // none of them may pass
	fatal   error // a hook panicked
}

// putDialToVeto asks the hooks about what is to be dialled, and will ask them
// about each address that is still to come. An error ends the attempt.
func (a *actor) putDialToVeto() (*dialVeto, error) {
	if dial, _, _ := a.s.hooks.Vetoes(); !dial {
		return nil, nil
	}
	target := events.Target{Session: a.s.id, Attempt: a.attempt, Host: a.plan.name, Port: a.plan.port}
	if a.answers == nil {
		if a.plan.proxy != nil {
			target.Proxy = a.plan.proxy.String()
		}
		return nil, a.s.hooks.BeforeDial(a.hearing(), target)
	}
	v := &dialVeto{lasting: true}
	a.answers.Permit(func(addr netip.Addr) bool {
		if v.fatal != nil {
			return false
		}
		target.Addr = addr
		err := a.s.hooks.BeforeDial(a.hearing(), target)
		if err == nil {
			return true
		}
		if e := asError(err); e.Kind == smtp.KindPanic {
			v.fatal = err
		} else {
			v.refused = append(v.refused, fmt.Errorf("%v: %w", addr, e.Err))
			v.lasting = v.lasting && e.Permanent
		}
		return false
	})
	return v, v.fatal
}

// outcome is that of the dial, unless the hooks' answers decide.
func (v *dialVeto) outcome(won transport.Dialed, err error) (transport.Dialed, error) {
	switch {
	case v == nil:
	case v.fatal != nil:
		if won.Conn != nil {
			_ = won.Conn.Close()
		}
		return transport.Dialed{}, v.fatal
	case err != nil && len(v.refused) > 0 && asError(err).Kind == smtp.KindNoAddress:
		return won, &smtp.Error{Kind: smtp.KindVetoed, Permanent: v.lasting, Err: v.refused}
	}
	return won, err
}

// refusals are why none of the addresses may be dialled.
type refusals []error

func (r refusals) Error() string {
	texts := make([]string, len(r))
	for i, err := range r {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (r refusals) Unwrap() []error { return r }

// putPeerToVeto has the hooks asked about the server's certificate inside the
// handshake, last of all.
func (a *actor) putPeerToVeto(cfg *tls.Config) {
	if _, peer, _ := a.s.hooks.Vetoes(); !peer {
		return
	}
	before, name := cfg.VerifyConnection, cfg.ServerName
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		if before != nil {
			if err := before(state); err != nil {
				return err
			}
		}
		return a.s.hooks.VerifyPeer(a.hearing(), events.Peer{Session: a.s.id, Attempt: a.attempt,
			Host: a.plan.name, Port: a.plan.port, ServerName: name, TLS: state})
	}
}

// putMessageToVeto asks the hooks about a message. refused is why it is not to be
// sent; fatal that a hook panicked.
func (a *actor) putMessageToVeto(d *delivery) (refused, fatal error) {
	if _, _, send := a.s.hooks.Vetoes(); !send {
		return nil, nil
	}
	err := a.s.hooks.BeforeSend(a.hearing(), events.Outgoing{Request: a.request(), Mail: d.mail, Recipients: d.recipients,
		Size: d.facts.Size, Secure: a.secure, Authenticated: a.authenticated, Capabilities: a.caps})
	switch {
	case err == nil:
		return nil, nil
	case asError(err).Kind == smtp.KindPanic:
		return nil, err
	}
	return named(err, "MAIL"), nil
}
