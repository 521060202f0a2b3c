package session

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// noDial is a Dialer that fails the test: there must be no I/O.
func noDial(t testing.TB) dialFunc {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("dialled %s", address)
		return nil, errors.New("no")
	}
}

// noLookUp is the same for a Resolver.
func noLookUp(t testing.TB) lookUpFunc {
	return func(_ context.Context, _, host string) ([]netip.Addr, error) {
		t.Errorf("looked %s up", host)
		return nil, errors.New("no")
	}
}

func TestConnect_C2_ArgumentBeforePropertyAndOmittedIsNotZero(t *testing.T) {
	c := &Config{HostName: "prop.test", RemotePort: 2525, Options: Extended, Timeout: time.Minute}
	omitted := mustPlan(t, c)
	if omitted.host.Name != "prop.test" || omitted.port != 2525 || !omitted.extended || omitted.timeouts.Hello != time.Minute {
		t.Errorf("omitted: %+v", omitted)
	}
	given := mustPlan(t, c, WithRemoteHost("arg.test"), WithRemotePort(26), WithOptions(PreferIPv6), WithTimeout(time.Second))
	if given.host.Name != "arg.test" || given.port != 26 || given.extended || given.timeouts.Hello != time.Second {
		t.Errorf("given: %+v", given)
	}
	zero := mustPlan(t, c, WithRemotePort(0), WithOptions(None), WithTimeout(0))
	if zero.port != 25 || zero.extended || zero.timeouts.Hello != 0 {
		t.Errorf("given as zero: %+v", zero)
	}
}

// mustPlan returns the plan of a call.
func mustPlan(t testing.TB, c *Config, opts ...ConnectOption) plan {
	t.Helper()
	p, err := planOf(c, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func planOf(c *Config, opts ...ConnectOption) (plan, error) {
	var a arguments
	for _, o := range opts {
		o.applyConnect(&a)
	}
	return newPlan(c, &a)
}

func TestConnect_C3_HostForms(t *testing.T) {
	for given, want := range map[string]string{
		"mx.example.org": "mx.example.org", "  mx.example.org\t": "mx.example.org", "bücher.example": "xn--bcher-kva.example",
		"192.0.2.1": "192.0.2.1", "[192.0.2.1]": "192.0.2.1", "::1": "::1", "[::1]": "::1", "[IPv6:::1]": "::1",
		"fe80::1%eth0": "fe80::1%eth0",
	} {
		p := mustPlan(t, &Config{}, WithRemoteHost(given))
		if p.host.String() != want {
			t.Errorf("%q: %v", given, p.host)
		}
	}
	for _, bad := range []string{"a b", "mx\r\nQUIT", "mx\x00.test", "mx\n", "-mx.test", "[mx.test]", "mx..test", strings.Repeat("a", 64) + ".test"} {
		s := newSession(t, Config{Dialer: noDial(t), Resolver: noLookUp(t)})
		evs := record(t, s)
		err := s.Connect(t.Context(), WithRemoteHost(bad))
		if !errors.Is(err, smtp.ErrInvalid) || !strings.Contains(err.Error(), "RemoteHost") {
			t.Errorf("%q: %v", bad, err)
		}
		all := evs()
		checkLife(t, all)
		if k := kindsOf(all); !slices.Equal(k, []events.Kind{events.KindError}) {
			t.Errorf("%q: events %v", bad, k)
		}
	}
}

func TestConnect_C3_LiteralAsksNoDNSAndNameGoesAsALabels(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	linked(t, Config{Resolver: noLookUp(t)}, WithRemoteHost("[127.0.0.1]"), WithRemotePort(srv.Port()))
	asked := make(chan string, 2)
	linked(t, Config{Resolver: lookUpFunc(func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		asked <- host
		return addresses("127.0.0.1")(ctx, network, host)
	})}, WithRemoteHost("bücher.example"), WithRemotePort(srv.Port()))
	for range 2 {
		if host := <-asked; host != "xn--bcher-kva.example" {
			t.Errorf("asked for %q", host)
		}
	}
}

func TestConnect_C4_Precedence(t *testing.T) {
	c := &Config{HostAddress: "192.0.2.7", HostName: "name.test"}
	for want, p := range map[string]plan{
		"arg.test": mustPlan(t, c, WithRemoteHost("arg.test")), "192.0.2.7": mustPlan(t, c),
		"name.test": mustPlan(t, &Config{HostName: "name.test"}),
	} {
		if p.host.String() != want {
			t.Errorf("dials %v, want %s", p.host, want)
		}
	}
	for name, bad := range map[string]*Config{"all empty": {}, "HostAddress no IP": {HostAddress: "name.test", HostName: "name.test"}} {
		if _, err := planOf(bad); !errors.Is(err, smtp.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConnect_C4_FailedHostAddressNeverFallsBackToHostName(t *testing.T) {
	var dialled []string
	s := newSession(t, Config{
		HostAddress: "192.0.2.7", HostName: "name.test", Retry: Retry{MaxAttempts: 1}, Resolver: noLookUp(t),
		Dialer: dialFunc(func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = append(dialled, address)
			return nil, refusedError()
		}),
	})
	if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrRefused) || smtp.Code(err) != 10061 {
		t.Errorf("%v", err)
	}
	if !slices.Equal(dialled, []string{"192.0.2.7:25"}) {
		t.Errorf("dialled %q", dialled)
	}
}

func TestConnect_C5_WhatTheCertificateIsCheckedAgainst(t *testing.T) {
	for _, row := range []struct {
		name string
		c    Config
		opts []ConnectOption
		want string
	}{
		{"the argument", Config{HostName: "prop.test"}, []ConnectOption{WithRemoteHost("arg.test")}, "arg.test"},
		{"pinned address, checked name", Config{HostAddress: "192.0.2.7", HostName: "name.test"}, nil, "name.test"},
		{"only an address", Config{HostAddress: "192.0.2.7"}, nil, "192.0.2.7"},
		{"an address as argument", Config{HostName: "prop.test"}, []ConnectOption{WithRemoteHost("[IPv6:2001:db8::1]")}, "2001:db8::1"},
		{"a zone is not in a certificate", Config{}, []ConnectOption{WithRemoteHost("fe80::1%eth0")}, "fe80::1"},
		{"C13: the tunnel's far end", Config{HostName: "far.test", Options: Tunnel}, []ConnectOption{WithRemoteHost("localhost")}, "far.test"},
		{"ServerName overrides", Config{HostName: "prop.test", TLS: &tls.Config{ServerName: "override.test"}}, nil, "override.test"},
	} {
		p := mustPlan(t, &row.c, row.opts...)
		if got := p.tlsConfig(row.c.TLS).ServerName; got != row.want {
			t.Errorf("%s: checked against %q, want %q", row.name, got, row.want)
		}
	}
}

func TestConnect_C6_Port(t *testing.T) {
	for _, row := range []struct {
		property int
		opts     []ConnectOption
		want     int
	}{
		{0, nil, 25}, {2525, nil, 2525}, {2525, []ConnectOption{WithRemotePort(0)}, 25},
		{0, []ConnectOption{WithOptions(SecureImplicit)}, 465}, {0, []ConnectOption{WithOptions(SecureExplicit)}, 25},
		{0, []ConnectOption{WithOptions(SecureExplicit | SecureImplicit)}, 465}, {2525, []ConnectOption{WithRemotePort(65535)}, 65535},
	} {
		if p := mustPlan(t, &Config{HostName: "a.test", RemotePort: row.property}, row.opts...); p.port != row.want {
			t.Errorf("%+v: %d", row, p.port)
		}
	}
	for _, bad := range []int{-1, 65536} {
		_, err := planOf(&Config{HostName: "a.test"}, WithRemotePort(bad))
		_, errProperty := planOf(&Config{HostName: "a.test", RemotePort: bad})
		if !errors.Is(err, smtp.ErrInvalid) || !errors.Is(errProperty, smtp.ErrInvalid) {
			t.Errorf("%d: %v, %v", bad, err, errProperty)
		}
	}
}

func TestConnect_C9_TimeoutPrecedence(t *testing.T) {
	c := &Config{HostName: "a.test", Timeout: time.Minute, Timeouts: smtp.Timeouts{Greeting: 7 * time.Second, End: time.Second}}
	for _, row := range []struct {
		name string
		got  time.Duration
		want time.Duration
	}{
		{"Timeouts win over all", mustPlan(t, c, WithTimeout(time.Hour)).timeouts.Greeting, 7 * time.Second},
		{"then the argument", mustPlan(t, c, WithTimeout(time.Hour)).timeouts.Hello, time.Hour},
		{"then Config.Timeout", mustPlan(t, c).timeouts.Dial, time.Minute},
		{"then the table", mustPlan(t, &Config{HostName: "a.test"}).timeouts.StartTLS, 2 * time.Minute},
		{"0 is no limit", mustPlan(t, c, WithTimeout(0)).timeouts.Hello, 0},
		{"only Timeouts shorten the end", mustPlan(t, &Config{HostName: "a.test"}, WithTimeout(time.Second)).timeouts.End, 10 * time.Minute},
		{"and they do", mustPlan(t, c).timeouts.End, time.Second},
		{"QUIT is not lengthened", mustPlan(t, c, WithTimeout(0)).timeouts.Quit, 5 * time.Second},
	} {
		if row.got != row.want {
			t.Errorf("%s: %v, want %v", row.name, row.got, row.want)
		}
	}
	for _, bad := range []*Config{{HostName: "a.test", Timeout: -1}, {HostName: "a.test", Timeouts: smtp.Timeouts{Quit: -1}}} {
		if _, err := planOf(bad); !errors.Is(err, smtp.ErrInvalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := planOf(&Config{HostName: "a.test"}, WithTimeout(-time.Second)); !errors.Is(err, smtp.ErrInvalid) {
		t.Errorf("a negative argument: %v", err)
	}
}

func TestConnect_C20_Port587MeansExtendedAndNothingElse(t *testing.T) {
	for _, o := range []Options{None, SecureExplicit, SecureImplicit, TrustedSite} {
		p := mustPlan(t, &Config{HostName: "a.test"}, WithRemotePort(587), WithOptions(o))
		if !p.extended {
			t.Errorf("%v: not extended", o)
		}
		if (p.security != inClear) != (o == SecureExplicit || o == SecureImplicit) {
			t.Errorf("%v: security %v", o, p.security)
		}
	}
	if mustPlan(t, &Config{HostName: "a.test"}, WithRemotePort(25)).extended {
		t.Error("25 means Extended")
	}
}
