package auth

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/smtp"
)

// AllowClear returns an Authenticator whose clients may show a secret without
// TLS. It is for servers that are reached over a wire one trusts. Put it around
// all else: a client that is wrapped after it has lost the permission. Of nil it
// is nil.
func AllowClear(a Authenticator) Authenticator {
	if a == nil {
		return nil
	}
	return func(ctx context.Context, mechanisms []string, tls *tls.ConnectionState) (sasl.Client, error) {
		c, err := a(ctx, mechanisms, tls)
		if c == nil || err != nil {
			return nil, err
		}
		return &marked{"AllowClear", func() sasl.Client { return c }}, nil
	}
}

// Permit is the gate before AUTH: it returns the client to go on with, or an
// error: of KindInClear if the mechanism would show its secret on a connection
// that is not secure and [AllowClear] was not asked; of KindMechanism if the
// client is one of SCRAM and has no method Done() bool, so that success would be
// believed without the server's proof. mechanism is what the client's Start
// returned.
func Permit(c sasl.Client, mechanism string, secure bool) (sasl.Client, error) {
	allowed := false
	for m, ok := c.(*marked); ok; m, ok = c.(*marked) { // AllowClear may have been asked twice
		c, allowed = m.inner(), true
	}
	if _, ok := c.(interface{ Done() bool }); !ok && isSCRAM(strings.ToUpper(mechanism)) {
		return nil, &smtp.Error{Kind: smtp.KindMechanism, Err: fmt.Errorf(
			"the client of %s cannot tell whether the server proved itself: a wrapper must forward Done and Refused", mechanism)}
	}
	if !secure && !allowed && Reveals(mechanism) {
		return nil, &smtp.Error{Kind: smtp.KindInClear, Err: fmt.Errorf(
			"%s without TLS shows the secret to everyone on the way: set SecureExplicit or SecureImplicit, or allow it by session.WithAuthenticator(auth.AllowClear(…))", mechanism)}
	}
	return c, nil
}

// Reveals reports whether a mechanism, in any case, shows its secret to who
// reads the connection. One that is not known is taken to.
func Reveals(mechanism string) bool {
	m := strings.ToUpper(mechanism)
	if w, ok := wayOf(m); ok {
		return w.has(reveals)
	}
	switch m { // those of others
	case "DIGEST-MD5", "GSSAPI", "NTLM":
		return false
	}
	return !isSCRAM(m) && !strings.HasPrefix(m, "GS2-")
}

// marked is a client that AllowClear returned.
type marked struct {
	mechanism
	inner func() sasl.Client
}

func (m *marked) Start() (string, []byte, error)        { return m.inner().Start() }
func (m *marked) Next(challenge []byte) ([]byte, error) { return m.inner().Next(challenge) }
func (m *marked) Done() bool                            { return Done(m.inner()) }
func (m *marked) Refused() error                        { return Refused(m.inner()) }
