package events

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"

	"github.com/ehlo-go/ehlo/smtp"
)

// DialVeto decides about each address before it is dialled: once in each attempt
// for each, an address that DNS tells later while others are being dialled too.
// An error leaves the address out, as if DNS had not told it. Where all are left
// out the attempt fails with smtp.ErrVetoed and is not made again. Through a
// proxy and to a unix socket it is asked once in each attempt, about an address
// that is not valid; an error then fails the attempt in the same way.
//
// All three vetoes are hooks (see [Hook]) and asked in the order of the hooks, on
// the session's goroutine, until one refuses. They must not block, and a
// blocking method of a session called with their context returns
// smtp.ErrInHook. A panic is no answer: it ends the session with an error that
// says so. What the error returned says of Permanent and Enhanced, if it is an
// *smtp.Error, holds for the veto too; errors.Is finds it.
type DialVeto interface {
	BeforeDial(ctx context.Context, t Target) error
}

// PeerVeto decides about the server's certificate, when crypto/tls, and the
// callbacks of Config.TLS, are content with it: once in each handshake, a resumed
// one too, and under TrustedSite too. It runs inside the handshake, before a
// certificate of the client's and anything of SMTP has left. An error ends the
// handshake with an alert, and the Connect with an error of
// smtp.KindCertificate, which smtp.ErrVetoed is found in; there is no other
// address and no other attempt. For the rest see [DialVeto].
type PeerVeto interface {
	VerifyPeer(ctx context.Context, p Peer) error
}

// SendVeto decides about a message before MAIL is said: once for each Send, and
// once for each Begin, where only the Mail is known. An error refuses the message
// with smtp.ErrVetoed: it is NotSent, nothing was said, and the session stays
// ready. A message that is invalid is not asked about. For the rest see
// [DialVeto].
type SendVeto interface {
	BeforeSend(ctx context.Context, m Outgoing) error
}

// Target is what is about to be dialled.
type Target struct {
	Session uint64
	Attempt int
	Host    string // as that of ConnectStart
	Port    int
	Addr    netip.Addr // not valid where a proxy resolves the name, and for a unix socket
	Proxy   string     // as that of OnDial
}

// Peer is a server whose certificate is accepted so far. It must not be changed.
type Peer struct {
	Session    uint64
	Attempt    int
	Host       string
	Port       int
	ServerName string // the name or address that the certificate is checked against
	// TLS is as in tls.Config.VerifyConnection. Under TrustedSite it has no
	// VerifiedChains.
	TLS tls.ConnectionState
}

// Outgoing is a message that is about to be sent. It must not be changed.
type Outgoing struct {
	Request       *Request
	Mail          *smtp.Mail
	Recipients    []smtp.Recipient // none yet for Begin
	Size          int64            // of the content in octets, -1 if it is not known
	Secure        bool             // TLS stands
	Authenticated bool
	Capabilities  smtp.Capabilities
}

// vetoes are the hooks that decide.
type vetoes struct {
	dial []DialVeto
	peer []PeerVeto
	send []SendVeto
}

// add reports whether h is one.
func (v *vetoes) add(h Hook) (known bool) {
	if d, ok := h.(DialVeto); ok {
		v.dial, known = append(v.dial, d), true
	}
	if p, ok := h.(PeerVeto); ok {
		v.peer, known = append(v.peer, p), true
	}
	if s, ok := h.(SendVeto); ok {
		v.send, known = append(v.send, s), true
	}
	return known
}

// Vetoes reports which questions any hook decides, so that one that nobody does
// need not be put.
func (h *Hooks) Vetoes() (dial, peer, send bool) {
	return len(h.vetoes.dial) > 0, len(h.vetoes.peer) > 0, len(h.vetoes.send) > 0
}

// BeforeDial asks each DialVeto, until one refuses. The error is of
// smtp.KindVetoed, or of smtp.KindPanic if one panicked.
func (h *Hooks) BeforeDial(ctx context.Context, t Target) error {
	return ask(ctx, h.vetoes.dial, t, DialVeto.BeforeDial)
}

// VerifyPeer asks each PeerVeto in the same way. The error is of
// smtp.KindCertificate and wraps one of smtp.KindVetoed, or it is of
// smtp.KindPanic.
func (h *Hooks) VerifyPeer(ctx context.Context, p Peer) error {
	err := ask(ctx, h.vetoes.peer, p, PeerVeto.VerifyPeer)
	if e, ok := errors.AsType[*smtp.Error](err); ok && e.Kind == smtp.KindVetoed {
		return &smtp.Error{Kind: smtp.KindCertificate, Permanent: e.Permanent, Err: e}
	}
	return err
}

// BeforeSend asks each SendVeto as BeforeDial does.
func (h *Hooks) BeforeSend(ctx context.Context, m Outgoing) error {
	return ask(ctx, h.vetoes.send, m, SendVeto.BeforeSend)
}

// ask asks hooks in order until one refuses.
func ask[H, X any](ctx context.Context, hooks []H, x X, f func(H, context.Context, X) error) error {
	if len(hooks) == 0 {
		return nil
	}
	scope, ctx := scoped(ctx)
	for _, h := range hooks {
		var why error
		if err := scope.call(h, func() { why = f(h, ctx, x) }); err != nil {
			return err
		}
		if why != nil {
			return vetoed(why)
		}
	}
	return nil
}

// vetoed gives a refusal its kind.
func vetoed(why error) error {
	e := &smtp.Error{Kind: smtp.KindVetoed, Err: why}
	given, ok := errors.AsType[*smtp.Error](why)
	switch {
	case !ok:
	case given == nil: // an error that is none
		e.Err = errors.New("an error without a value")
	default:
		e.Permanent, e.Enhanced = given.Permanent, given.Enhanced
	}
	return e
}
