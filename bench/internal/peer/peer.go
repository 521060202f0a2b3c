package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strconv"
)

// LocalName is what a client says in EHLO, where it can be told.
const LocalName = "client.test"

// Target is a server.
type Target struct {
	Address  string // host:port of an IP address
	Security Security
	Roots    *x509.CertPool
}

// Security is when TLS begins.
type Security uint8

// The kinds of it.
const (
	Clear Security = iota
	StartTLS
	Implicit
)

// Client is one peer. Its methods may be called from many goroutines at once.
type Client interface {
	// Name is that of its column.
	Name() string
	// Session makes one session, from dial to QUIT.
	Session(ctx context.Context, t Target) error
	// Ready makes a session that can send the letter, as often as is asked.
	Ready(ctx context.Context, t Target, l *Letter) (Sender, error)
}

// Sender is a ready session, used by one goroutine.
type Sender interface {
	// Send sends the letter once more.
	Send(ctx context.Context) error
	// Close says QUIT and closes the connection.
	Close() error
}

// config returns what a TLS client needs to know.
func (t Target) config() *tls.Config {
	return &tls.Config{RootCAs: t.Roots, ServerName: t.host()}
}

func (t Target) host() string {
	host, _, err := net.SplitHostPort(t.Address)
	if err != nil {
		return t.Address
	}
	return host
}

func (t Target) port() int {
	_, port, _ := net.SplitHostPort(t.Address)
	n, _ := strconv.Atoi(port)
	return n
}
