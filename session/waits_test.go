package session

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtptest"
)

// A wait is where a connect hangs for longer than a test cares to wait.
type wait struct {
	name   string
	phase  fsm.State
	config func(t testing.TB, new maker) Config
}

// maker makes a server, in memory or on a socket.
type maker func(t testing.TB, c smtptest.Config) *smtptest.Server

// hanging waits for the end of ctx, as a black hole does.
func hanging(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// two is a look-up that finds two IPv4 addresses and one of IPv6.
func two(_ context.Context, network, _ string) ([]netip.Addr, error) {
	if network == "ip4" {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}, nil
	}
	return []netip.Addr{netip.MustParseAddr("2001:db8::1")}, nil
}

func blackHole(ctx context.Context, _, _ string) (net.Conn, error) { return nil, hanging(ctx) }

// stepped returns what reaches a server that does step at a moment.
func stepped(mode smtptest.TLSMode, o Options, moment string, step smtptest.Step) func(testing.TB, maker) Config {
	return func(t testing.TB, new maker) Config {
		p := place{moment: moment, mode: mode, options: o}
		return p.config(new(t, p.server(step)))
	}
}

func proxied(scheme string) func(testing.TB, maker) Config {
	return func(t testing.TB, new maker) Config {
		srv := new(t, smtptest.Config{Script: func(c *smtptest.Conn) { smtptest.Silence()(c) }})
		return Config{HostName: "mail.test", Dialer: srv, Proxy: &url.URL{Scheme: scheme, Host: srv.Addr()}}
	}
}

// waits are all those of a connect. Those with a window that is full need
// memory, see fullWindows.
func waits() []wait {
	slow := smtptest.Trickle("250-"+strings.Repeat("a", 1000)+"\r\n", time.Second)
	return []wait{
		{"resolve", fsm.Resolve, func(testing.TB, maker) Config {
			return Config{HostName: "mail.test", Resolver: lookUpFunc(func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
				return nil, hanging(ctx)
			})}
		}},
		{"dial", fsm.Dial, func(testing.TB, maker) Config { return Config{HostName: "192.0.2.1", Dialer: dialFunc(blackHole)} }},
		{"race of dials", fsm.Dial, func(testing.TB, maker) Config {
			return Config{HostName: "mail.test", Dialer: dialFunc(blackHole), RaceDelay: time.Millisecond,
				Resolver: lookUpFunc(two)}
		}},
		{"SOCKS proxy's answer", fsm.Dial, proxied("socks5")},
		{"HTTP proxy's answer", fsm.Dial, proxied("http")},
		{"tls", fsm.TLS, stepped(smtptest.Implicit, SecureImplicit, "TLS", smtptest.Silence())},
		{"greeting", fsm.Greeting, stepped(smtptest.Plain, Extended, "GREETING", smtptest.Silence())},
		{"greeting that trickles", fsm.Greeting, stepped(smtptest.Plain, Extended, "GREETING", slow)},
		{"greeting within TLS that trickles", fsm.Greeting, stepped(smtptest.Implicit, SecureImplicit, "GREETING", slow)},
		{"EHLO", fsm.Ehlo, stepped(smtptest.Plain, Extended, "EHLO", smtptest.Silence())},
		{"EHLO that trickles", fsm.Ehlo, stepped(smtptest.Plain, Extended, "EHLO", slow)},
		{"HELO", fsm.Ehlo, stepped(smtptest.Plain, None, "HELO", smtptest.Silence())},
		{"STARTTLS", fsm.StartTLS, stepped(smtptest.StartTLS, SecureExplicit, "STARTTLS", smtptest.Silence())},
		{"STARTTLS that trickles", fsm.StartTLS, stepped(smtptest.StartTLS, SecureExplicit, "STARTTLS", slow)},
		{"handshake after STARTTLS", fsm.StartTLS, stepped(smtptest.StartTLS, SecureExplicit, "TLS", smtptest.Silence())},
		{"EHLO after STARTTLS", fsm.Ehlo, stepped(smtptest.StartTLS, SecureExplicit, "EHLO", smtptest.Sequence(smtptest.Usual(), slow))},
		{"backoff", fsm.Backoff, func(testing.TB, maker) Config {
			return Config{HostName: "192.0.2.1", Dialer: dialFunc(func(context.Context, string, string) (net.Conn, error) {
				return nil, syscall.ECONNREFUSED
			}), Retry: Retry{Policy: func() backoff.BackOff { return backoff.NewConstantBackOff(time.Hour) }}}
		}},
	}
}

// fullWindows are the waits of a client whose server reads nothing: its window
// is 16 octets.
func fullWindows() []wait {
	silent := func(greeting string, o Options) func(testing.TB, maker) Config {
		return func(t testing.TB, _ maker) Config {
			return Config{HostName: "192.0.2.1", LocalName: "client.test", Options: o, Dialer: dialFunc(func(context.Context, string, string) (net.Conn, error) {
				client, server := smtptest.Pipe(16)
				t.Cleanup(func() { _ = server.Close() })
				go func() { _, _ = io.WriteString(server, greeting) }()
				return client, nil
			})}
		}
	}
	return []wait{
		{"EHLO, window full", fsm.Ehlo, silent("220 hi\r\n", Extended)},
		{"STARTTLS's handshake, window full", fsm.TLS, silent("", SecureImplicit)},
		{"EHLO within TLS, window full", fsm.Ehlo, func(t testing.TB, _ maker) Config {
			authority, err := smtptest.NewAuthority()
			if err != nil {
				t.Fatal(err)
			}
			cert, err := authority.Certificate(smtptest.CertOptions{Names: []string{"192.0.2.1"}})
			if err != nil {
				t.Fatal(err)
			}
			return Config{HostName: "192.0.2.1", Options: SecureImplicit, TLS: &tls.Config{RootCAs: authority.Pool()},
				Dialer: dialFunc(func(context.Context, string, string) (net.Conn, error) {
					client, server := smtptest.Pipe(16)
					t.Cleanup(func() { _ = server.Close() })
					go func() {
						_, _ = io.WriteString(tls.Server(server, &tls.Config{Certificates: []tls.Certificate{cert}}), "220 hi\r\n")
					}()
					return client, nil
				})}
		}},
	}
}
