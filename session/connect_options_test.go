package session

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// reach returns what reaches srv with the given options.
func reach(srv *smtptest.Server, o Options) Config {
	return Config{HostName: srv.Host(), RemotePort: srv.Port(), LocalName: "client.test", Options: o,
		TLS: &tls.Config{RootCAs: srv.Roots()}, Retry: Retry{MaxAttempts: 1}}
}

// secured returns the OnSecure of a successful connect.
func secured(t testing.TB, c Config) events.OnSecure {
	t.Helper()
	s := newSession(t, c)
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatalf("%v: %v", c.Options, err)
	}
	_ = s.Disconnect(t.Context())
	for _, e := range evs() {
		if e, ok := e.(events.OnSecure); ok {
			return e
		}
	}
	t.Fatal("no OnSecure")
	return events.OnSecure{}
}

func wantCommands(t testing.TB, srv *smtptest.Server, want ...string) {
	t.Helper()
	if got := srv.Commands(); !slices.Equal(got, want) {
		t.Errorf("commands %q, want %q", got, want)
	}
}

func TestConnect_C11_NoneIsHELOWhateverTheBannerSays(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Say("220 mx.test ESMTP ready")}})
	s := linked(t, reach(srv, None))
	_ = s.Disconnect(t.Context())
	wantCommands(t, srv, "HELO client.test", "QUIT")
}

func TestConnect_C12_EHLORefusedFallsBackToHELO(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Say("502 5.5.1 what?")}})
	s := linked(t, reach(srv, Extended))
	if s.Extended() || s.Capabilities().String() != "" {
		t.Errorf("extended %v, %v", s.Extended(), s.Capabilities())
	}
	_ = s.Disconnect(t.Context())
	wantCommands(t, srv, "EHLO client.test", "HELO client.test", "QUIT")
}

func TestConnect_C12_BothRefusedFailsWithEHLOsReply(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{
		"EHLO": smtptest.Say("550 no such thing"), "HELO": smtptest.Say("554 go away")}})
	err := newSession(t, reach(srv, Extended)).Connect(t.Context())
	e := asError(err)
	if e.Kind != smtp.KindReply || e.Command != "EHLO" || smtp.Code(err) != 550 || !strings.Contains(err.Error(), "554 go away") || !e.Permanent {
		t.Errorf("%v", err)
	}
}

func TestConnect_C12_NotHiddenByAHELO(t *testing.T) {
	for said, step := range map[int]smtptest.Step{
		421: smtptest.SayAndClose("421 4.3.2 closing"), 10054: smtptest.Close(), 451: smtptest.Say("451 4.3.0 later"),
	} {
		srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": step}})
		err := newSession(t, reach(srv, Extended)).Connect(t.Context())
		if smtp.Code(err) != said || asError(err).Phase != "ehlo" || asError(err).Permanent {
			t.Errorf("%d: %v", said, err)
		}
		for _, line := range srv.Commands() {
			if strings.HasPrefix(line, "HELO") {
				t.Errorf("%d: said %q", said, line)
			}
		}
	}
}

func TestConnect_C13_Tunnel(t *testing.T) {
	if p := mustPlan(t, &Config{HostName: "far.test", Options: Tunnel}, WithRemoteHost("localhost"), WithRemotePort(587)); p.extended {
		t.Error("587 means nothing at a tunnel's end")
	}
	bubble(t, "one dial, no race", func(t *testing.T) {
		var mu sync.Mutex
		var dialled []string
		s := newSession(t, Config{Options: Tunnel, Resolver: addresses("192.0.2.1", "192.0.2.2", "2001:db8::1"), Retry: Retry{MaxAttempts: 1},
			Dialer: dialFunc(func(ctx context.Context, _, address string) (net.Conn, error) {
				mu.Lock()
				dialled = append(dialled, address)
				mu.Unlock()
				<-ctx.Done()
				return nil, ctx.Err()
			})})
		if err := s.Connect(t.Context(), WithRemoteHost("tunnel.test"), WithRemotePort(10025)); !errors.Is(err, smtp.ErrTimeout) {
			t.Errorf("%v", err)
		}
		if !slices.Equal(dialled, []string{"192.0.2.1:10025"}) {
			t.Errorf("dialled %q", dialled)
		}
	})
	srv := loopback(t, smtptest.Config{Name: "far.test", Mode: smtptest.StartTLS})
	c := reach(srv, Tunnel|SecureExplicit)
	c.HostName = "far.test"
	s := newSession(t, c)
	if err := s.Connect(t.Context(), WithRemoteHost("127.0.0.1")); err != nil {
		t.Errorf("the certificate is the far end's: %v", err)
	}
	if cs, ok := s.TLS(); !ok || cs.ServerName != "far.test" {
		t.Errorf("SNI %q", cs.ServerName)
	}
}

func TestConnect_C14_TrustedSitePassesWithTheVerdict(t *testing.T) {
	authority, err := smtptest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, o := range map[string]smtptest.CertOptions{
		"expired":     {Names: []string{"127.0.0.1"}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)},
		"wrong name":  {Names: []string{"other.test"}},
		"self-signed": {Names: []string{"127.0.0.1"}, SelfSigned: true},
	} {
		cert, err := authority.Certificate(o)
		if err != nil {
			t.Fatal(err)
		}
		srv := loopback(t, smtptest.Config{Mode: smtptest.StartTLS, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
		c := reach(srv, SecureExplicit)
		c.TLS.RootCAs = authority.Pool()
		err = newSession(t, c).Connect(t.Context())
		if e := asError(err); e.Kind != smtp.KindCertificate || e.Phase != "starttls" || e.Permanent || e.Err == nil {
			t.Errorf("%s: %v", name, err)
		}
		wantCommands(t, srv, "EHLO client.test", "STARTTLS")
		c.Options |= TrustedSite
		if e := secured(t, c); e.Verdict == nil {
			t.Errorf("%s: no verdict", name)
		}
		c.TLS.VerifyConnection = func(tls.ConnectionState) error { return errors.New("our own rule") }
		if err := newSession(t, c).Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "our own rule") {
			t.Errorf("%s: VerifyConnection did not run: %v", name, err)
		}
		c.Options, c.TLS.VerifyConnection, c.TLS.InsecureSkipVerify = SecureExplicit, nil, true
		if e := secured(t, c); e.Verdict == nil {
			t.Errorf("%s: InsecureSkipVerify counts as TrustedSite, with the verdict", name)
		}
	}
	good := loopback(t, smtptest.Config{Mode: smtptest.Implicit})
	if e := secured(t, reach(good, SecureImplicit|TrustedSite)); e.Verdict != nil {
		t.Errorf("a good certificate: %v", e.Verdict)
	}
}

func TestConnect_C15_SecureExplicit(t *testing.T) {
	srv := loopback(t, smtptest.Config{Mode: smtptest.StartTLS, Keywords: []string{"SIZE 1", "8BITMIME"}, KeywordsTLS: []string{"SIZE 2"}})
	s := linked(t, reach(srv, SecureExplicit))
	caps := s.Capabilities()
	if size, _ := caps.Params("SIZE"); size != "2" || caps.Has("8BITMIME") || caps.Has("STARTTLS") {
		t.Errorf("capabilities in clear are not forgotten: %v", caps)
	}
	if s.Extended() {
		t.Error("the EHLO that TLS needs does not set Extended")
	}
	_ = s.Disconnect(t.Context())
	wantCommands(t, srv, "EHLO client.test", "STARTTLS", "EHLO client.test", "QUIT")
}

// afterHello answers a ClientHello in clear.
func afterHello(c *smtptest.Conn) {
	_, _ = c.NetConn().Read(make([]byte, 1))
	_ = c.Write("554 no TLS here, sorry\r\n")
	c.Close()
}

func TestConnect_C15_NeverOnInClear(t *testing.T) {
	for name, row := range map[string]struct {
		c    smtptest.Config
		kind smtp.Kind
		code int
	}{
		"not offered (H1)": {smtptest.Config{Users: map[string]string{"u": "p"}, AuthInClear: true}, smtp.KindNoTLS, 20005},
		"refused":          {smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{"STARTTLS": smtptest.Say("454 4.7.0 not now")}}, smtp.KindReply, 454},
		"no EHLO":          {smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Say("500 what?")}}, smtp.KindNoTLS, 500},
		"octets behind the 220 (H2)": {smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{
			"STARTTLS": smtptest.SayRaw("220 go\r\n250 injected\r\n")}}, smtp.KindProtocol, 20006},
		"no handshake": {smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{"TLS": afterHello}}, smtp.KindTLS, 20003},
		"second EHLO refused": {smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{
			"EHLO": smtptest.Sequence(smtptest.Usual(), smtptest.Say("502 no more"))}}, smtp.KindReply, 502},
	} {
		srv := loopback(t, row.c)
		s := newSession(t, reach(srv, SecureExplicit|Extended))
		err := s.Connect(t.Context())
		if e := asError(err); err == nil || e.Kind != row.kind || smtp.Code(err) != row.code {
			t.Errorf("%s: %v (%d)", name, err, smtp.Code(err))
		}
		for _, line := range srv.Commands() {
			if verb, _, _ := strings.Cut(line, " "); verb != "EHLO" && verb != "STARTTLS" && verb != "QUIT" {
				t.Errorf("%s: %q went out", name, line)
			}
		}
	}
}

func TestConnect_C16_SecureImplicit(t *testing.T) {
	srv := loopback(t, smtptest.Config{Mode: smtptest.Implicit})
	s := linked(t, reach(srv, SecureImplicit|Extended))
	_ = s.Disconnect(t.Context())
	wantCommands(t, srv, "EHLO client.test", "QUIT")

	plain := loopback(t, smtptest.Config{})
	err := newSession(t, reach(plain, SecureImplicit)).Connect(t.Context())
	if e := asError(err); e.Kind != smtp.KindTLS || e.Phase != "tls" || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("clear text on the port: %v", err)
	}
	for _, line := range plain.Commands() {
		if line == "STARTTLS" || strings.HasPrefix(line, "EHLO") {
			t.Errorf("%q went out", line)
		}
	}
}

func TestConnect_C17_ImplicitWins(t *testing.T) {
	srv := loopback(t, smtptest.Config{Mode: smtptest.Implicit})
	s := linked(t, reach(srv, SecureImplicit|SecureExplicit))
	_ = s.Disconnect(t.Context())
	for _, line := range srv.Commands() {
		if line == "STARTTLS" {
			t.Error("STARTTLS inside TLS")
		}
	}
}

func TestConnect_C18_SecureFallback(t *testing.T) {
	for name, old := range map[string]*tls.Config{
		"TLS 1.0": {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10},
		"TLS 1.1": {MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11},
		"RC4":     {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}},
		"3DES":    {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}},
		"CBC":     {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
	} {
		srv := loopback(t, smtptest.Config{Mode: smtptest.StartTLS, TLS: old})
		err := newSession(t, reach(srv, SecureExplicit)).Connect(t.Context())
		if e := asError(err); e.Kind != smtp.KindTLS || !strings.Contains(err.Error(), "SecureFallback") || e.Permanent {
			t.Errorf("%s without SecureFallback: %v", name, err)
		}
		e := secured(t, reach(srv, SecureExplicit|SecureFallback))
		if old.MaxVersion < tls.VersionTLS12 && e.Version != old.MaxVersion || len(old.CipherSuites) > 0 && e.CipherSuite != old.CipherSuites[0] {
			t.Errorf("%s with it: %s, %s", name, e.VersionName(), e.CipherSuiteName())
		}
	}
	modern := loopback(t, smtptest.Config{Mode: smtptest.Implicit})
	if e := secured(t, reach(modern, SecureImplicit|SecureFallback)); e.Version != tls.VersionTLS13 {
		t.Errorf("a modern server got %s", e.VersionName())
	}
	base := &tls.Config{RootCAs: modern.Roots(), MaxVersion: tls.VersionTLS12}
	c := reach(modern, SecureImplicit)
	c.TLS = base
	if e := secured(t, c); e.Version != tls.VersionTLS12 {
		t.Errorf("MaxVersion of the caller does not win: %s", e.VersionName())
	}
	if base.MinVersion != 0 || base.ServerName != "" || base.CipherSuites != nil {
		t.Error("Config.TLS was written to")
	}
}

func TestConnect_C19_OrderOfFamilies(t *testing.T) {
	for _, row := range []struct {
		name    string
		options Options
		addrs   []string
		want    []string
	}{
		{"IPv4 first", None, []string{"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"}, []string{"192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"}},
		{"IPv6 first", PreferIPv6, []string{"192.0.2.1", "2001:db8::1", "192.0.2.2"}, []string{"2001:db8::1", "192.0.2.1", "192.0.2.2"}},
		{"only A", PreferIPv6, []string{"192.0.2.1"}, []string{"192.0.2.1"}},
		{"only AAAA", None, []string{"2001:db8::1"}, []string{"2001:db8::1"}},
	} {
		bubble(t, row.name, func(t *testing.T) {
			var mu sync.Mutex
			var dialled []string
			var at []time.Duration
			begun := time.Now()
			s := newSession(t, Config{HostName: "both.test", Options: row.options, Resolver: addresses(row.addrs...), Retry: Retry{MaxAttempts: 1},
				Dialer: dialFunc(func(ctx context.Context, _, address string) (net.Conn, error) {
					host, _, _ := net.SplitHostPort(address)
					mu.Lock()
					dialled, at = append(dialled, host), append(at, time.Since(begun))
					mu.Unlock()
					<-ctx.Done() // a black hole
					return nil, ctx.Err()
				})})
			if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrTimeout) {
				t.Errorf("%v", err)
			}
			if !slices.Equal(dialled, row.want) {
				t.Errorf("dialled %q, want %q", dialled, row.want)
			}
			for i := range at {
				if at[i] != time.Duration(i)*250*time.Millisecond {
					t.Errorf("dial %d after %v", i, at[i])
				}
			}
		})
	}
}

func TestConnect_C19_BlackHoleOnRealSockets(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	var d net.Dialer
	var losers sync.WaitGroup
	c := Config{HostName: "both.test", RemotePort: srv.Port(), Options: PreferIPv6, Resolver: addresses("127.0.0.1", "2001:db8::1"),
		Dialer: dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "[") { // no route here can be trusted to swallow packets
				losers.Add(1)
				defer losers.Done()
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return d.DialContext(ctx, network, address)
		})}
	s := newSession(t, c)
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	losers.Wait() // joined before Connect returned, or this would hang
	_ = s.Disconnect(t.Context())
	for _, e := range evs() {
		if e, ok := e.(events.OnDial); ok && (e.Dials != 2 || e.Remote != net.JoinHostPort("127.0.0.1", strconv.Itoa(srv.Port()))) {
			t.Errorf("%+v", e)
		}
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

func TestConnect_C21_Port465WithoutTLSIsPlainAndExplained(t *testing.T) {
	for name, step := range map[string]smtptest.Step{"silence": smtptest.Silence(), "EOF": smtptest.Close()} {
		bubble(t, name, func(t *testing.T) {
			srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": step}})
			s := newSession(t, Config{HostName: "192.0.2.1", Dialer: srv, Retry: Retry{Replies: true}})
			err := s.Connect(t.Context(), WithRemotePort(465))
			if err == nil || !strings.Contains(err.Error(), "SecureImplicit") || srv.Connections() != 1 {
				t.Errorf("%v, %d connections", err, srv.Connections())
			}
			wantCommands(t, srv)
		})
	}
	srv := memory(t, smtptest.Config{})
	s := newSession(t, Config{HostName: "192.0.2.1", Dialer: srv})
	if err := s.Connect(t.Context(), WithRemotePort(465)); err != nil {
		t.Errorf("plain, as asked: %v", err)
	}
}
