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
// TLS. It is for servers that are reached over a wire one trusts. Of nil it is
// nil.
func AllowClear(a Authenticator) Authenticator {
	if a == nil {
		return nil
	}
	return func(ctx context.Context, mechanisms []string, tls *tls.ConnectionState) (sasl.Client, error) {
		c, err := a(ctx, mechanisms, tls)
		if c == nil || err != nil {
			return nil, err
		}
		return marked{"AllowClear", c}, nil
	}
}

// Permit is the gate before AUTH: it returns the client to go on with, or an
// error of KindInClear if the mechanism would show its secret on a connection
// that is not secure and [AllowClear] was not asked. mechanism is what the
// client's Start returned.
func Permit(c sasl.Client, mechanism string, secure bool) (sasl.Client, error) {
	_, allowed := c.(marked)
	if !secure && !allowed && Reveals(mechanism) {
		return nil, &smtp.Error{Kind: smtp.KindInClear, Err: fmt.Errorf(
			"%s without TLS shows the secret to everyone on the way: set SecureExplicit or SecureImplicit, or allow it by auth.AllowClear", mechanism)}
	}
	return unmark(c), nil
}

// Reveals reports whether a mechanism, in any case, shows its secret to who
// reads the connection. One that is not known is taken to.
func Reveals(mechanism string) bool {
	m := strings.ToUpper(mechanism)
	switch m {
	case cramMD5, "DIGEST-MD5", sasl.External, sasl.Anonymous, "GSSAPI", "NTLM":
		return false
	}
	return !strings.HasPrefix(m, "SCRAM-") && !strings.HasPrefix(m, "GS2-")
}

// marked is a client that AllowClear returned.
type marked struct {
	mechanism
	inner sasl.Client
}

func (m marked) Start() (string, []byte, error)        { return m.inner.Start() }
func (m marked) Next(challenge []byte) ([]byte, error) { return m.inner.Next(challenge) }

// unmark returns the client itself; AllowClear may have been asked twice.
func unmark(c sasl.Client) sasl.Client {
	for {
		m, ok := c.(marked)
		if !ok {
			return c
		}
		c = m.inner
	}
}
