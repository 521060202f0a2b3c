package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// auth serves an Authenticate (RFC 4954). A refusal is the caller's; its error is
// that of the session.
func (a *actor) auth(ctx context.Context) (fsm.Trigger, error) {
	r := a.serving
	r.login.begun = time.Now()
	ctx, stop := a.cancelable(ctx)
	defer stop()
	var err error
	r.reply, err = a.authenticate(ctx, r.login)
	a.facts.Reply, a.facts.Mechanism = r.reply, r.login.mechanism
	if err != nil && !a.survives(err) {
		return 0, err
	}
	if cut := a.settle(r); cut != nil {
		return 0, cut
	}
	a.authenticated = a.authenticated || err == nil
	if err != nil {
		err = a.explain(fsm.Auth, err)
	}
	r.err, a.facts.Err = err, err
	return fsm.Answered, nil
}

// survives reports whether the session is as good after err as before: nothing
// was sent, or both sides know that the exchange is over.
func (a *actor) survives(err error) bool {
	e := asError(err)
	if e.Command == "" {
		e.Command = "AUTH"
	}
	switch e.Kind {
	case smtp.KindReply:
		return e.Reply.Code != 421
	case smtp.KindInvalid, smtp.KindNoAuth, smtp.KindInClear, smtp.KindAuthenticated, smtp.KindMechanism:
		return true
	default:
		return false
	}
}

// cancelable returns a context that ends, too, when the life is cut.
func (a *actor) cancelable(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	a.s.mu.Lock()
	a.l.cancel = cancel
	if a.l.cut != nil {
		cancel(a.l.cut)
	}
	a.s.mu.Unlock()
	return ctx, func() {
		a.s.mu.Lock()
		a.l.cancel = nil
		a.s.mu.Unlock()
		cancel(nil)
	}
}

// authenticate tries the mechanism that is chosen, and the next one where the
// server does not take it and nothing secret has left.
func (a *actor) authenticate(ctx context.Context, l *login) (smtp.Reply, error) {
	left, err := a.offered(l)
	if err != nil {
		return smtp.Reply{}, err
	}
	if a.owes { // AUTH has no place in a transaction (RFC 4954 4)
		if err := a.reset(ctx); err != nil {
			return smtp.Reply{}, err
		}
	}
	ctx = auth.WithOffer(ctx, slices.Clone(left))
	if l.only != "" {
		left = []string{strings.ToUpper(l.only)}
	}
	var last smtp.Reply
	var refused error
	for len(left) > 0 {
		client, initial, err := a.choose(ctx, l, left)
		switch {
		case err != nil && refused != nil:
			return last, refused // that is what to know: there was nothing else to try
		case err != nil:
			return smtp.Reply{}, err
		}
		r, again, err := a.negotiate(ctx, l, client, initial)
		if !again {
			return r, err
		}
		last, refused = r, err
		// A man in the middle might refuse the channel binding that shows him up: what
		// follows -PLUS has one too.
		bound := strings.HasSuffix(l.mechanism, "-PLUS")
		left = slices.DeleteFunc(left, func(name string) bool {
			return name == l.mechanism || bound && !strings.HasSuffix(name, "-PLUS")
		})
	}
	return last, refused
}

// offered returns the mechanisms that the server offers now, or why there is no
// use in trying.
func (a *actor) offered(l *login) ([]string, error) {
	switch {
	case a.authenticated:
		return nil, &smtp.Error{Kind: smtp.KindAuthenticated, Err: errors.New("one login a connection (RFC 4954 4): Disconnect and Connect first")}
	case !a.plan.extended:
		return nil, smtp.Invalid("AUTH needs ESMTP: Connect with the option Extended (0x1)")
	case !a.extended:
		return nil, &smtp.Error{Kind: smtp.KindNoAuth, Err: errors.New("the server knows no EHLO")}
	}
	offer := a.caps.Mechanisms()
	hint := ""
	if !a.secure {
		hint = "; perhaps it does within TLS: SecureExplicit (0x1000)"
	}
	switch {
	case len(offer) == 0 && a.caps.Has("AUTH"):
		return nil, &smtp.Error{Kind: smtp.KindNoAuth, Err: errors.New("the server lists AUTH without a mechanism" + hint)}
	case len(offer) == 0:
		return nil, &smtp.Error{Kind: smtp.KindNoAuth, Err: errors.New("the server does not list AUTH" + hint)}
	case l.only != "" && !slices.Contains(offer, strings.ToUpper(l.only)):
		return nil, &smtp.Error{Kind: smtp.KindNoAuth, Err: fmt.Errorf("the server offers %s, not %s", strings.Join(offer, " "), l.only)}
	}
	return offer, nil
}

// choose asks the Authenticator, and lets through what may be sent here.
func (a *actor) choose(ctx context.Context, l *login, mechanisms []string) (sasl.Client, []byte, error) {
	client, err := l.authenticator(ctx, slices.Clone(mechanisms), a.tlsState())
	if err == nil && client == nil {
		err = errors.New("the Authenticator returned no client")
	}
	var name string
	var initial []byte
	if err == nil {
		name, initial, err = client.Start()
	}
	if err != nil {
		return nil, nil, own(ctx, err)
	}
	if !slices.Contains(mechanisms, name) {
		return nil, nil, &smtp.Error{Kind: smtp.KindNoAuth, Err: fmt.Errorf("the Authenticator chose %q of %q", name, mechanisms)}
	}
	if client, err = auth.Permit(client, name, a.secure); err != nil {
		return nil, nil, err
	}
	l.mechanism = name
	return client, initial, nil
}

// tlsState returns the state of TLS, nil where there is none.
func (a *actor) tlsState() *tls.ConnectionState {
	if a.conn.TLS() == nil {
		return nil
	}
	state := a.conn.TLS().ConnectionState()
	return &state
}

// own gives an error of this side its kind, if it has none.
func own(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &smtp.Error{Kind: smtp.KindCanceled, Err: contextError(ctx)}
	}
	if e, ok := errors.AsType[*smtp.Error](err); ok {
		return e
	}
	return &smtp.Error{Kind: smtp.KindMechanism, Err: err}
}
