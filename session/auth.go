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
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// auth serves an Authenticate (RFC 4954). A refusal is the caller's; its error is
// that of the session.
func (a *actor) auth(ctx context.Context) (fsm.Trigger, error) {
	r := a.serving
	r.login.begun = time.Now()
	ctx, stop := a.cancelable(ctx, func() { close(r.login.cut) })
	defer stop()
	ctx, leave := events.Inside(ctx)
	defer leave()
	if a.secrets == nil {
		a.secrets = new(secrets)
	}
	a.secrets.fresh = true
	defer func() { a.secrets.fresh, a.challenge = false, "" }()
	var err error
	r.reply, err = a.authenticate(ctx, r.login)
	a.facts.Reply, a.facts.Mechanism = r.reply, r.login.mechanism
	if err != nil {
		err = named(err, "AUTH")
		if !survives(err) {
			return 0, err
		}
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
func survives(err error) bool {
	switch e := asError(err); e.Kind {
	case smtp.KindReply:
		return e.Reply.Code != 421
	case smtp.KindInvalid, smtp.KindNoAuth, smtp.KindInClear, smtp.KindAuthenticated, smtp.KindMechanism:
		return true
	default:
		return false
	}
}

// cancelable returns a context that ends, too, when the life is cut, and then
// calls also.
func (a *actor) cancelable(ctx context.Context, also func()) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	a.s.mu.Lock()
	a.l.cancel = func(cause error) {
		cancel(cause)
		if cause != nil {
			also()
		}
	}
	if a.l.cut != nil { // since the phase began
		a.l.cancel(a.l.cut)
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
		return nil, smtp.Invalid("AUTH needs ESMTP: Disconnect, and Connect with the option Extended (0x1)")
	case !a.extended:
		return nil, &smtp.Error{Kind: smtp.KindNoAuth, Err: errors.New("the server knows no EHLO")}
	}
	offer := slices.DeleteFunc(a.caps.Mechanisms(), func(name string) bool { return !isMechanism(name) })
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

// isMechanism reports a name that a mechanism can have (RFC 4422 3.1).
func isMechanism(name string) bool {
	return name != "" && len(name) <= 20 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
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
		return nil, nil, before(ctx, err)
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

// own makes an error of the session's from one of this side: the other may be
// shared, and what it says of a connection is not about this one.
func own(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &smtp.Error{Kind: smtp.KindCanceled, Err: contextError(ctx)}
	}
	if e, ok := err.(*smtp.Error); ok && e != nil { //nolint:errorlint // one that is wrapped is somebody's own
		switch e.Kind {
		case smtp.KindInvalid, smtp.KindNoAuth, smtp.KindMechanism, smtp.KindProtocol:
			return &smtp.Error{Kind: e.Kind, Permanent: e.Permanent, Err: e.Err}
		default:
		}
	}
	if e, ok := err.(*smtp.Error); ok && e == nil { //nolint:errorlint // an error that is none
		err = errors.New("an error without a value")
	}
	return &smtp.Error{Kind: smtp.KindMechanism, Err: err}
}

// before is own for what fails before anything was said: no server has broken
// anything yet.
func before(ctx context.Context, err error) error {
	e := own(ctx, err)
	if asError(e).Kind == smtp.KindProtocol {
		return &smtp.Error{Kind: smtp.KindMechanism, Err: err}
	}
	return e
}
