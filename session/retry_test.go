package session

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// refusedError is what a dial to a closed port fails with.
func refusedError() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// attempts runs a Connect and returns its error, how many attempts it made and
// the waits before them.
func attempts(t testing.TB, c Config) (n int, delays []time.Duration, err error) {
	t.Helper()
	s := newSession(t, c)
	evs := record(t, s)
	err = s.Connect(t.Context())
	_ = s.Close()
	all := evs()
	checkLife(t, all)
	for _, e := range all {
		if r, ok := e.(events.OnRetry); ok {
			delays = append(delays, r.Delay)
		}
	}
	return len(delays) + 1, delays, err
}

func TestConnect_C26_WhatIsRetried(t *testing.T) {
	on := func(moment string, step smtptest.Step) smtptest.Config {
		return smtptest.Config{On: map[string]smtptest.Step{moment: step}}
	}
	failing := func(err error) *Config {
		return &Config{Dialer: dialFunc(func(context.Context, string, string) (net.Conn, error) { return nil, err })}
	}
	asked := func(err error) *Config {
		return &Config{HostName: "mx.test", Resolver: lookUpFunc(func(context.Context, string, string) ([]netip.Addr, error) { return nil, err })}
	}
	for _, row := range []struct {
		name    string
		c       *Config
		srv     smtptest.Config
		again   bool // by default
		replies bool // with Retry.Replies
	}{
		{"DNS try again", asked(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), smtptest.Config{}, true, true},
		{"NXDOMAIN", asked(&net.DNSError{Err: "no such host", Name: "mx.test", IsNotFound: true}), smtptest.Config{}, false, false},
		{"no address", asked(nil), smtptest.Config{}, false, false},
		{"refused", failing(refusedError()), smtptest.Config{}, true, true},
		{"reset", failing(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNRESET)}), smtptest.Config{}, true, true},
		{"unreachable", failing(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}), smtptest.Config{}, true, true},
		{"dial timeout", &Config{Timeouts: smtp.Timeouts{Dial: time.Second}, Dialer: dialFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})}, smtptest.Config{}, true, true},
		{"lost before the greeting", nil, on("GREETING", smtptest.Close()), true, true},
		{"4yz greeting", nil, on("GREETING", smtptest.Say("451 4.3.0 later")), false, true},
		{"421 greeting", nil, on("GREETING", smtptest.SayAndClose("421 4.3.2 full")), false, true},
		{"5yz greeting", nil, on("GREETING", smtptest.Say("554 5.7.1 no")), false, false},
		{"greeting timeout", nil, on("GREETING", smtptest.Silence()), false, true},
		{"4yz to EHLO", nil, on("EHLO", smtptest.Say("451 4.3.0 later")), false, true},
		{"lost after the greeting", nil, on("EHLO", smtptest.Close()), false, false},
		{"protocol error", nil, on("GREETING", smtptest.Say("999 hm")), false, false},
		{"STARTTLS not offered", &Config{Options: SecureExplicit}, smtptest.Config{}, false, false},
		{"no TLS on the port", &Config{Options: SecureImplicit}, smtptest.Config{}, false, false},
		{"unknown CA", &Config{Options: SecureImplicit}, smtptest.Config{Mode: smtptest.Implicit}, false, false},
	} {
		for _, replies := range []bool{false, true} {
			bubble(t, row.name, func(t *testing.T) {
				c := Config{}
				if row.c != nil {
					c = *row.c
				}
				if c.HostName == "" {
					c.HostName = "192.0.2.1"
				}
				if c.Options == None {
					c.Options = Extended
				}
				if c.Dialer == nil {
					c.Dialer = memory(t, row.srv)
				}
				c.Retry.Replies = replies
				n, delays, err := attempts(t, c)
				want := 1
				if row.again || replies && row.replies {
					want = 4
				}
				if err == nil || n != want {
					t.Errorf("replies %v: %d attempts, want %d: %v", replies, n, want, err)
				}
				for i, d := range delays { // 500 ms x1.5, +-50 %
					base := time.Duration(float64(500*time.Millisecond) * []float64{1, 1.5, 2.25}[i])
					if d < base/2 || d > base*3/2 {
						t.Errorf("wait %d is %v", i, d)
					}
				}
			})
		}
	}
}

func TestConnect_C26_NextAddressAtOnce(t *testing.T) {
	for name, first := range map[string]smtptest.Step{
		"4yz greeting": smtptest.Say("451 4.3.0 later"), "5yz greeting": smtptest.Say("554 5.7.1 no"),
		"teaser and 521": smtptest.SayRaw("220-teaser\r\n521 5.7.1 blocked\r\n"), "closed before the greeting": smtptest.Close(),
	} {
		bubble(t, name, func(t *testing.T) {
			srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Sequence(first, smtptest.Usual())}})
			var mu sync.Mutex
			var dialled []string
			c := Config{HostName: "two.test", Resolver: addresses("192.0.2.1", "192.0.2.2"), Dialer: dialFunc(func(ctx context.Context, n, address string) (net.Conn, error) {
				mu.Lock()
				dialled = append(dialled, address)
				mu.Unlock()
				return srv.DialContext(ctx, n, address)
			})}
			n, delays, err := attempts(t, c)
			if err != nil || n != 2 || delays[0] != 0 || !slices.Equal(dialled, []string{"192.0.2.1:25", "192.0.2.2:25"}) {
				t.Errorf("%v, %d attempts, %v, %q", err, n, delays, dialled)
			}
		})
	}
	bubble(t, "never after a TLS policy failure", func(t *testing.T) {
		srv := memory(t, smtptest.Config{})
		n, _, err := attempts(t, Config{HostName: "two.test", Options: SecureExplicit, Resolver: addresses("192.0.2.1", "192.0.2.2"), Dialer: srv})
		if !errors.Is(err, smtp.ErrNoTLS) || n != 1 || asError(err).Permanent {
			t.Errorf("%d attempts: %v", n, err)
		}
	})
	bubble(t, "each had its turn", func(t *testing.T) {
		srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Say("554 5.7.1 no")}})
		n, delays, err := attempts(t, Config{HostName: "two.test", Resolver: addresses("192.0.2.1", "192.0.2.2"), Dialer: srv})
		if smtp.Code(err) != 554 || n != 2 || delays[0] != 0 {
			t.Errorf("%v, %d attempts, %v", err, n, delays)
		}
	})
}

func TestConnect_C26_PolicyAndBounds(t *testing.T) {
	refusing := dialFunc(func(context.Context, string, string) (net.Conn, error) { return nil, refusedError() })
	bubble(t, "MaxAttempts 1 is no retry", func(t *testing.T) {
		if n, _, _ := attempts(t, Config{HostName: "192.0.2.1", Dialer: refusing, Retry: Retry{MaxAttempts: 1}}); n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
	bubble(t, "one policy a Connect, Stop is final", func(t *testing.T) {
		made := 0
		policy := func() backoff.BackOff {
			made++
			return backoff.WithMaxRetries(backoff.NewConstantBackOff(time.Hour), 2)
		}
		begun := time.Now()
		n, delays, _ := attempts(t, Config{HostName: "192.0.2.1", Dialer: refusing, Retry: Retry{MaxAttempts: 9, Policy: policy}})
		if n != 3 || made != 1 || delays[0] != time.Hour || time.Since(begun) != 2*time.Hour {
			t.Errorf("%d attempts, %d policies, %v, %v", n, made, delays, time.Since(begun))
		}
	})
	if _, err := planOf(&Config{HostName: "a.test", Retry: Retry{MaxAttempts: -1}}); !errors.Is(err, smtp.ErrInvalid) {
		t.Errorf("MaxAttempts -1: %v", err)
	}
}
