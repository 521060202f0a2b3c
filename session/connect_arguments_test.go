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
	"github.com/ehlo-go/ehlo/fsm"
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

// addresses is a Resolver that answers with those of the family asked for.
func addresses(addrs ...string) lookUpFunc {
	return func(_ context.Context, network, _ string) ([]netip.Addr, error) {
		var found []netip.Addr
		for _, a := range addrs {
			if addr := netip.MustParseAddr(a); addr.Is4() == (network == "ip4") {
				found = append(found, addr)
			}
		}
		return found, nil
	}
}

// linked makes a session and connects it.
func linked(t testing.TB, c Config, opts ...ConnectOption) *Session {
	t.Helper()
	s := newSession(t, c)
	if err := s.Connect(t.Context(), opts...); err != nil {
		t.Fatalf("Connect: %v", err)
	}
	return s
}

func TestConnect_C1_GoesToReadyAndRefusesASecondConnect(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	s := newSession(t, Config{HostName: srv.Host(), RemotePort: srv.Port(), Options: Extended})
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.State() != fsm.Ready || !s.Extended() {
		t.Errorf("state %v, extended %v", s.State(), s.Extended())
	}
	for name, again := range map[string]func(context.Context, ...ConnectOption) error{"Connect": s.Connect, "Start": s.Start} {
		if err := again(t.Context()); !errors.Is(err, smtp.ErrConnected) || smtp.Code(err) != 10056 {
			t.Errorf("a second %s: %v", name, err)
		}
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Errorf("the session was hurt: %v", err)
	}
	_ = s.Disconnect(t.Context())
	all := evs()
	checkLife(t, all)
	if slices.Contains(kindsOf(all), events.KindError) {
		t.Error("ErrConnected is no event")
	}
	if got := srv.Commands(); len(got) != 3 || !strings.HasPrefix(got[0], "EHLO ") || got[1] != "NOOP" || got[2] != "QUIT" {
		t.Errorf("commands %q", got)
	}
}

func TestConnect_C1_RefusedDuringBackOff(t *testing.T) {
	bubble(t, "backoff", func(t *testing.T) {
		s := newSession(t, Config{HostName: "192.0.2.1", Dialer: dialFunc(func(context.Context, string, string) (net.Conn, error) {
			return nil, refusedError()
		})})
		evs, _ := s.Subscribe(events.Filter{Kinds: events.MaskOf(events.KindRetry)})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-evs // the state
		<-evs // OnRetry
		if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrConnected) {
			t.Errorf("Connect in back-off: %v", err)
		}
		<-s.Done()
		if e := asError(s.Err()); e.Kind != smtp.KindRefused {
			t.Errorf("the life was hurt: %v", e)
		}
	})
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

func TestConnect_C5_PinnedAddressVerifiesTheName(t *testing.T) {
	srv := loopback(t, smtptest.Config{Name: "mx.pinned.test", Mode: smtptest.Implicit})
	c := Config{HostAddress: "127.0.0.1", RemotePort: srv.Port(), Options: SecureImplicit, TLS: &tls.Config{RootCAs: srv.Roots()}, Resolver: noLookUp(t)}
	c.HostName = "mx.pinned.test"
	linked(t, c)
	c.HostName = "other.test"
	if err := newSession(t, c).Connect(t.Context()); !errors.Is(err, smtp.ErrCertificate) {
		t.Errorf("the wrong name: %v", err)
	}
	c.HostName = ""
	linked(t, c) // the IP SAN
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

func TestConnect_C7_CredentialsAreWrittenAndNeverUsed(t *testing.T) {
	srv := loopback(t, smtptest.Config{Users: map[string]string{"u": "p"}, AuthInClear: true})
	s := newSession(t, Config{HostName: srv.Host(), RemotePort: srv.Port(), Options: Extended, UserName: "before"})
	if err := s.Connect(t.Context(), WithUserName("u"), WithPassword("p"), WithRemotePort(1), WithTimeout(time.Second)); err == nil {
		t.Fatal("port 1 answered")
	}
	if s.config.UserName != "u" || s.config.Password != "p" {
		t.Error("not written where the connect failed")
	}
	if err := s.Connect(t.Context(), WithPassword("")); err != nil {
		t.Fatal(err)
	}
	if s.config.UserName != "u" || s.config.Password != "" {
		t.Error(`"" does not clear, or an omitted one was touched`)
	}
	_ = s.Disconnect(t.Context())
	for _, line := range srv.Commands() {
		if strings.HasPrefix(line, "AUTH") {
			t.Errorf("Connect said %q", line)
		}
	}
	if err := s.Connect(t.Context(), WithUserName("a\r\nb")); !errors.Is(err, smtp.ErrInvalid) || s.config.UserName != "u" {
		t.Errorf("a user name with a line end: %v", err)
	}
}

func TestConnect_C8_ExtendedReadsFalseWithoutEHLO(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	if s := linked(t, Config{HostName: srv.Host(), RemotePort: srv.Port()}); s.Extended() {
		t.Error("Extended after HELO")
	}
	old := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Say("502 5.5.1 what?")}})
	if s := linked(t, Config{HostName: old.Host(), RemotePort: old.Port(), Extended: true}); s.Extended() {
		t.Error("Extended with a server that knows no EHLO")
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

func TestConnect_C9_TheDialIsBoundedAndNoLimitStillHearsTheContext(t *testing.T) {
	hang := dialFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	bubble(t, "dial", func(t *testing.T) {
		begun := time.Now()
		s := newSession(t, Config{HostName: "many.test", Resolver: addresses("192.0.2.1", "192.0.2.2", "2001:db8::1"), Dialer: hang, Retry: Retry{MaxAttempts: 1}})
		err := s.Connect(t.Context(), WithTimeout(9*time.Second))
		if !errors.Is(err, smtp.ErrTimeout) || time.Since(begun) != 9*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
	bubble(t, "no limit", func(t *testing.T) {
		srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Silence()}})
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		begun := time.Now()
		s := newSession(t, Config{HostName: "192.0.2.1", Dialer: srv})
		err := s.Connect(ctx, WithTimeout(0))
		if !errors.Is(err, smtp.ErrCanceled) || !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 24*time.Hour {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestConnect_C10_Options(t *testing.T) {
	if p := mustPlan(t, &Config{HostName: "a.test", Options: SecureExplicit}); p.security != explicit {
		t.Error("the property is not used")
	}
	if p := mustPlan(t, &Config{HostName: "a.test", Options: SecureExplicit}, WithOptions(None)); p.security != inClear {
		t.Error("None given does not turn the property off")
	}
	if p := mustPlan(t, &Config{HostName: "a.test", Extended: true}, WithOptions(None)); !p.extended {
		t.Error("C12 still applies: the Extended property")
	}
	s := newSession(t, Config{HostName: "a.test", Dialer: noDial(t), Resolver: noLookUp(t)})
	if err := s.Connect(t.Context(), WithOptions(SecureExplicit|0x2)); !errors.Is(err, smtp.ErrInvalid) || !strings.Contains(err.Error(), "0x2") {
		t.Errorf("unknown bits: %v", err)
	}
}

func TestOptions_NumbersAreFixedAndTextReadsBack(t *testing.T) {
	for o, want := range map[Options]uint32{
		None: 0, Extended: 0x1, Tunnel: 0x400, TrustedSite: 0x800, SecureExplicit: 0x1000, SecureImplicit: 0x2000,
		SecureFallback: 0x8000, PreferIPv6: 0x40000,
	} {
		if uint32(o) != want {
			t.Errorf("%v is %#x", o, uint32(o))
		}
		if back, err := ParseOptions(o.String()); err != nil || back != o {
			t.Errorf("%v reads back as %v, %v", o, back, err)
		}
	}
	if o, err := ParseOptions(" extended | SECUREEXPLICIT "); err != nil || o != 0x1001 {
		t.Errorf("%v, %v", o, err)
	}
	if o, err := ParseOptions("0x1001"); err != nil || o != Extended|SecureExplicit {
		t.Errorf("%v, %v", o, err)
	}
	for _, bad := range []string{"", "Extendet", "0x2", "Extended|", "-1"} {
		if _, err := ParseOptions(bad); !errors.Is(err, smtp.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if s := (Extended | 0x2).String(); s != "Extended|0x2" {
		t.Error(s)
	}
}
