package session

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v4"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// Config holds the properties of a session: what Connect uses where an
// argument is omitted, and what has no argument. The zero value works, given a
// host at Connect.
//
// A Config is copied by New; what it points to (TLS, Resolver, Dialer, Hooks)
// is shared by every session made from it and must be safe for that.
type Config struct {
	// HostAddress is an IP address to dial; it goes before HostName, which then
	// is what the certificate is checked against.
	HostAddress string
	// HostName is the server: a DNS name, or an IP address.
	HostName string
	// RemotePort is the TCP port; 0 is 465 with SecureImplicit, else 25.
	RemotePort int
	// UserName and Password are what Authenticate uses unless it is given
	// others. Connect never uses them.
	UserName, Password string
	// Authenticator chooses the mechanism of Authenticate and has the credentials,
	// in place of UserName and Password, also where Connect was given those. A user
	// name, password or token given to Authenticate replaces it, AllowClear
	// included. One that many sessions share makes SCRAM's key once and a token
	// last; see auth.Credentials.
	Authenticator auth.Authenticator
	// Extended asks for EHLO, as the option of that name; either is enough.
	Extended bool
	// Options hold unless Connect is given some.
	Options Options
	// Timeout is the wait for each reply and for the dial; 0 means as
	// smtp.TimeoutTable. It does not bound the whole call: its context does.
	Timeout time.Duration
	// Timeouts set single waits; a value here goes before any other.
	Timeouts smtp.Timeouts
	// LocalName is what EHLO says; empty is the machine's name if it is a full
	// one, else the address of the connection.
	LocalName string
	// TLS is the base of every handshake; it is cloned. A ServerName,
	// MinVersion, MaxVersion or CipherSuites set here wins.
	TLS *tls.Config
	// Resolver looks names up; nil is net.Resolver in Go.
	Resolver transport.Resolver
	// Dialer opens connections; nil is net.Dialer.
	Dialer transport.Dialer
	// RaceDelay is how long a dial that has not answered keeps the next address
	// waiting (RFC 8305); 0 is 250 ms.
	RaceDelay time.Duration
	// Network is "tcp", which "" means too, or "unix": then the host is the path of
	// a socket, and there is no port and no look-up.
	Network string
	// Proxy is socks5:// or http:// (CONNECT). The proxy resolves the host's
	// name.
	Proxy *url.URL
	// Retry says how often and when an attempt that failed is made again.
	Retry Retry
	// Flight says how much of a message travels before its answers are awaited.
	Flight Flight
	// MinRate is the least rate, in octets a second, at which a server must take
	// a message's content, on average and after 30 seconds of grace; the waits for
	// answers do not count. 0 is any, bounded by Timeouts.Block alone.
	MinRate int64
	// LMTP speaks LMTP (RFC 2033): LHLO, and after a message one reply for each
	// recipient. On TCP it wants a port, which is never 25.
	LMTP bool
	// DiscardKeywords are EHLO keywords to read over, such as CHUNKING.
	DiscardKeywords []string
	// Hooks enclose what the session does; see package events. A value that
	// implements no hook interface is refused by New.
	Hooks []events.Hook
	// Hub hears the events of this session among those of many; nil is none.
	Hub *events.Hub
	// Logger gets a record of each event and, at debug level, a transcript; see
	// events.Log. nil is none.
	Logger *slog.Logger
	// TracerProvider is for the spans; nil is OpenTelemetry's global one. One that is
	// given is asked for its Tracer once, and sessions of the same providers share
	// it. A hook of package tracing among Hooks takes the place of the session's own.
	TracerProvider trace.TracerProvider
	// MeterProvider is for the metrics, in the same way.
	MeterProvider metric.MeterProvider
}

// Retry says how Connect goes on after an attempt that failed for a reason
// that may pass: DNS try-again, connection refused, reset or unreachable, a dial
// that timed out, a connection lost before the greeting.
type Retry struct {
	// MaxAttempts bounds the attempts; 0 means 4, 1 means no retry.
	MaxAttempts int
	// Policy makes the policy of one Connect; nil is 500 ms, x1.5 each time,
	// with a jitter of +-50 %. Its Stop is final. MaxElapsedTime should be 0: the context bounds
	// a Connect.
	Policy func() backoff.BackOff
	// Replies also retries 4yz and 421 replies and timeouts after the dial. A
	// public server asks for minutes between attempts (RFC 5321 4.5.4.1), so
	// this is for servers of one's own.
	Replies bool
}

// defaultAttempts is MaxAttempts where none is given.
const defaultAttempts = 4

func (r Retry) attempts() int {
	if r.MaxAttempts == 0 {
		return defaultAttempts
	}
	return r.MaxAttempts
}

func (r Retry) policy() backoff.BackOff {
	if r.Policy != nil {
		return r.Policy()
	}
	return backoff.NewExponentialBackOff(backoff.WithMaxElapsedTime(0)) // 500 ms, x1.5, +-50 %
}

// Format prints the configuration without its secrets, for every verb.
func (c Config) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "session.Config{host %q %q, port %d, options %v, user %s, password %s}",
		c.HostAddress, c.HostName, c.RemotePort, c.Options, redact(c.UserName), redact(c.Password))
}

// LogValue returns the configuration without its secrets.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("host_address", c.HostAddress), slog.String("host_name", c.HostName), slog.Int("port", c.RemotePort),
		slog.String("options", c.Options.String()), slog.String("user", redact(c.UserName)), slog.String("password", redact(c.Password)),
	)
}

// redact tells only whether there is something.
func redact(s string) string {
	if s == "" {
		return "unset"
	}
	return "[redacted]"
}
