package session

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/ehlo-go/ehlo/auth"
)

// ConnectOption is an argument of Connect and Start. An omitted one takes the
// property of the configuration, so "omitted" differs from zero.
type ConnectOption interface {
	applyConnect(*arguments)
}

// AuthOption is an argument of Authenticate. An omitted one takes the property
// of the configuration.
type AuthOption interface {
	applyAuth(*authArguments)
}

// CredentialOption is an argument of Connect, which keeps it, and of
// Authenticate, which uses it for this call. It never prints what it holds.
type CredentialOption interface {
	ConnectOption
	AuthOption
	fmt.Formatter
	slog.LogValuer
}

// arguments are what one call was given; nil is omitted.
type arguments struct {
	host     *string
	port     *int
	userName *string
	password *string
	timeout  *time.Duration
	options  *Options
}

// argumentsOf returns what the options say.
func argumentsOf(opts []ConnectOption) arguments {
	if len(opts) == 0 {
		return arguments{}
	}
	a := new(arguments)
	for _, o := range opts {
		if o != nil {
			o.applyConnect(a)
		}
	}
	return *a
}

// authArguments are what one Authenticate was given.
type authArguments struct {
	userName      *string
	password      *string
	token         auth.TokenSource
	mechanism     string
	authenticator auth.Authenticator
	empty         bool // one of the two was given as nil
}

type connectOption func(*arguments)

func (f connectOption) applyConnect(a *arguments) { f(a) }

type authOption func(*authArguments)

func (f authOption) applyAuth(a *authArguments) { f(a) }

// WithRemoteHost gives the server: a DNS name, an IP address or an address
// literal. It goes before HostAddress and HostName.
func WithRemoteHost(host string) ConnectOption {
	return connectOption(func(a *arguments) { a.host = &host })
}

// WithRemotePort gives the TCP port. 0 is the default: 465 with
// SecureImplicit, else 25.
func WithRemotePort(port int) ConnectOption {
	return connectOption(func(a *arguments) { a.port = &port })
}

// WithTimeout gives the wait for each reply until the session ends, and for the
// dial. 0 is no limit.
func WithTimeout(d time.Duration) ConnectOption {
	return connectOption(func(a *arguments) { a.timeout = &d })
}

// WithOptions gives the options; None turns those of the configuration off.
func WithOptions(o Options) ConnectOption {
	return connectOption(func(a *arguments) { a.options = &o })
}

// WithToken gives what yields an OAuth 2.0 access token, for OAUTHBEARER or
// XOAUTH2. The password of the properties is then not used, but one that is given
// beside it is. The source is asked by each Authenticate that uses it; to keep a token until
// it expires, share one auth.Credentials.Authenticator among the calls.
func WithToken(source auth.TokenSource) AuthOption {
	return authOption(func(a *authArguments) { a.token, a.empty = source, a.empty || source == nil })
}

// WithMechanism names the SASL mechanism to use, in any case; no other is tried.
// "" is the strongest.
func WithMechanism(name string) AuthOption {
	return authOption(func(a *authArguments) { a.mechanism = name })
}

// WithAuthenticator gives what chooses the mechanism, and has the credentials: no
// user name, password or token stands beside it.
func WithAuthenticator(f auth.Authenticator) AuthOption {
	return authOption(func(a *authArguments) { a.authenticator, a.empty = f, a.empty || f == nil })
}

// WithUserName gives the user name. Connect writes it to the session's
// properties ("" clears) and does not log in; Authenticate uses it once. A
// Config.Authenticator goes before the properties, but not before what
// Authenticate is given.
func WithUserName(name string) CredentialOption { return newCredential(name, false) }

// WithPassword gives the password, as WithUserName.
func WithPassword(password string) CredentialOption { return newCredential(password, true) }

// credential holds its value behind a function, since fmt asks no Formatter that
// stands in an unexported field of somebody's.
type credential struct {
	value  func() string
	secret bool
}

func newCredential(value string, secret bool) credential {
	return credential{func() string { return value }, secret}
}

func (c credential) applyConnect(a *arguments) {
	value := c.value()
	if c.secret {
		a.password = &value
	} else {
		a.userName = &value
	}
}

func (c credential) applyAuth(a *authArguments) {
	value := c.value()
	if c.secret {
		a.password = &value
	} else {
		a.userName = &value
	}
}

// Format prints that there is a credential, for every verb.
func (c credential) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.LogValue()) }

// LogValue returns the same.
func (c credential) LogValue() slog.Value {
	if c.secret {
		return slog.StringValue("password " + redact(c.value()))
	}
	return slog.StringValue("user name " + redact(c.value()))
}
