package session

import (
	"fmt"
	"log/slog"
	"time"
)

// ConnectOption is an argument of Connect and Start. An omitted one takes the
// property of the configuration, so "omitted" differs from zero.
type ConnectOption interface {
	applyConnect(*arguments)
}

// CredentialOption is an argument of Connect that is a secret. It
// never prints what it holds.
type CredentialOption interface {
	ConnectOption
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

type connectOption func(*arguments)

func (f connectOption) applyConnect(a *arguments) { f(a) }

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

// WithUserName writes the session's user name, "" clears it. Connect does not
// log in.
func WithUserName(name string) CredentialOption { return credential{name, false} }

// WithPassword writes the session's password, "" clears it. Connect does not
// log in.
func WithPassword(password string) CredentialOption { return credential{password, true} }

type credential struct {
	value  string
	secret bool
}

func (c credential) applyConnect(a *arguments) {
	if c.secret {
		a.password = &c.value
	} else {
		a.userName = &c.value
	}
}

// Format prints that there is a credential, for every verb.
func (c credential) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.LogValue()) }

// LogValue returns the same.
func (c credential) LogValue() slog.Value {
	if c.secret {
		return slog.StringValue("password " + redact(c.value))
	}
	return slog.StringValue("user name " + redact(c.value))
}
