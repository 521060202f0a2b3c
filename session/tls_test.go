package session

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

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
