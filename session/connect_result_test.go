package session

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// refusedError is what a dial to a closed port fails with.
func refusedError() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func TestConnect_C22_AFailedConnectLeavesNothingAndMayBeRepeated(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{
		"GREETING": smtptest.Sequence(smtptest.Say("554 5.7.1 not you"), smtptest.Usual())}})
	s := newSession(t, reach(srv, Extended))
	err := s.Connect(t.Context())
	e := asError(err)
	if e.Kind != smtp.KindReply || e.Phase != "greeting" || smtp.Code(err) != 554 || e.Reply.Text != "5.7.1 not you" {
		t.Fatalf("%v", err)
	}
	if s.State() != fsm.Closed || !errors.Is(s.Err(), smtp.ErrReply) {
		t.Errorf("state %v, Err %v", s.State(), s.Err())
	}
	select {
	case <-s.Done():
	default:
		t.Error("Done is open between lives")
	}
	if err := s.Connect(t.Context()); err != nil {
		t.Fatalf("again: %v", err)
	}
	if s.Err() != nil {
		t.Errorf("Err while Done is open: %v", s.Err())
	}
	_ = s.Close()
	<-s.Done()
	if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	allClosed(t, srv)
}

func TestConnect_C23_StartReturnsAndItsContextHoldsUntilReady(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	s := newSession(t, reach(srv, Extended))
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Noop(t.Context()); err != nil {
		t.Errorf("the context's end hurt a ready session: %v", err)
	}
	if err := newSession(t, Config{}).Start(t.Context()); !errors.Is(err, smtp.ErrInvalid) {
		t.Errorf("an invalid argument: %v", err)
	}
	bubble(t, "ends it before", func(t *testing.T) {
		silent := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Silence()}})
		s := newSession(t, Config{HostName: "192.0.2.1", Dialer: silent})
		ctx, cancel := context.WithCancelCause(t.Context())
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
		why := errors.New("the user went home")
		cancel(why)
		<-s.Done()
		if !errors.Is(s.Err(), smtp.ErrCanceled) || !errors.Is(s.Err(), context.Canceled) || !errors.Is(s.Err(), why) {
			t.Errorf("%v", s.Err())
		}
	})
}

func TestConnect_C24_OneOutcome(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	s := newSession(t, reach(srv, Extended))
	ch, stop := s.Subscribe(events.Filter{Kinds: events.MaskOf(events.KindConnect)})
	defer stop()
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-ch // the state
	select {
	case e := <-ch:
		if e.Kind() != events.KindConnect {
			t.Errorf("%v", e.Kind())
		}
	default:
		t.Error("OnConnect is not there when Connect returns")
	}
	for name, row := range map[string]struct {
		deadline bool
		want     []events.Kind
		code     int
	}{
		"timeout": {false, []events.Kind{events.KindResolve, events.KindDial, events.KindTimeout, events.KindDisconnect, events.KindError}, 10060},
		"cancel":  {true, []events.Kind{events.KindResolve, events.KindDial, events.KindCancel, events.KindDisconnect, events.KindError}, 10004},
	} {
		bubble(t, name, func(t *testing.T) {
			silent := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Silence()}})
			s := newSession(t, Config{HostName: "192.0.2.1", Dialer: silent})
			evs := record(t, s)
			ctx := t.Context()
			if row.deadline {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Second)
				defer cancel()
			}
			err := s.Connect(ctx, WithTimeout(time.Minute))
			if smtp.Code(err) != row.code || !asError(err).Timeout() {
				t.Errorf("%v", err)
			}
			all := evs()
			checkLife(t, all)
			if got := kindsOf(all); !slices.Equal(got, row.want) {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
}

func TestConnect_C25_CancelClosesTheSocketAtOnce(t *testing.T) {
	bubble(t, "greeting", func(t *testing.T) {
		silent := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Silence()}})
		s := newSession(t, Config{HostName: "192.0.2.1", Dialer: silent})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		if err := s.Connect(ctx); !errors.Is(err, smtp.ErrCanceled) || time.Since(begun) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		allClosed(t, silent)
	})
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

func TestConnect_TeaserKeepsTheRefusal(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.SayRaw("220-teaser\r\n521 5.7.1 blocked\r\n")}})
	err := newSession(t, reach(srv, Extended)).Connect(t.Context())
	if e := asError(err); e.Kind != smtp.KindProtocol || smtp.Code(err) != 521 || !e.Permanent {
		t.Errorf("%v", err)
	}
}

func TestConnect_EHLOName(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	for given, want := range map[string]string{
		"client.test": "client.test", "bücher.example": "xn--bcher-kva.example", "192.0.2.9": "[192.0.2.9]",
		"2001:db8::9": "[IPv6:2001:db8::9]", "single": "single",
	} {
		c := reach(srv, Extended)
		c.LocalName = given
		s := linked(t, c)
		_ = s.Disconnect(t.Context())
		if got := srv.Commands()[len(srv.Commands())-2]; got != "EHLO "+want {
			t.Errorf("%q: %q", given, got)
		}
	}
	for _, bad := range []string{"a b", "client.test\r\nQUIT", "-x", "a_b"} {
		if _, err := planOf(&Config{HostName: "a.test", LocalName: bad}); !errors.Is(err, smtp.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for name, full := range map[string]bool{
		"mx.example.org": true, "box": false, "box.local": false, "box.localdomain": false, "box.INTERNAL": false, "a_b.test": false, "10.0.0.1": false,
	} {
		if isFullName(name) != full {
			t.Errorf("isFullName(%q) = %v", name, !full)
		}
	}
	if got := literalOf(&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}); got != "[IPv6:fe80::1]" {
		t.Error(got)
	}
	if got := literalOf(&net.UnixAddr{Name: "/x"}); got != "[127.0.0.1]" || strings.Contains(got, "localhost") {
		t.Error(got)
	}
}

func TestSecrets_AreNeverPrinted(t *testing.T) {
	c := Config{HostName: "a.test", UserName: "uSeR", Password: "sEcReT"}
	s := newSession(t, c)
	for _, v := range []any{c, &c, WithUserName("uSeR"), WithPassword("sEcReT"), s.Snapshot()} {
		for _, text := range printed(v) {
			if strings.Contains(text, "uSeR") || strings.Contains(text, "sEcReT") {
				t.Errorf("%T prints %s", v, text)
			}
		}
	}
}
