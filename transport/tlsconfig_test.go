package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestTLSPolicy_C18_Config(t *testing.T) {
	verify := func(tls.ConnectionState) error { return nil }
	suites := []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}
	base := &tls.Config{ServerName: "mine.example", MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS12,
		CipherSuites: suites, VerifyConnection: verify}
	cases := []struct {
		name     string
		policy   TLSPolicy
		server   string
		min, max uint16
		skip     bool
		suites   func([]uint16) bool
	}{
		{"the usual", TLSPolicy{ServerName: "mx.example"}, "mx.example", tls.VersionTLS12, 0, false, onlyStrict},
		{"fallback", TLSPolicy{ServerName: "mx.example", Fallback: true}, "mx.example", tls.VersionTLS10, 0, false, everySuite},
		{"trusted", TLSPolicy{ServerName: "192.0.2.1", Trusted: true}, "192.0.2.1", tls.VersionTLS12, 0, true, onlyStrict},
		{"trusted by the base", TLSPolicy{Base: &tls.Config{InsecureSkipVerify: true}}, "", tls.VersionTLS12, 0, true, onlyStrict},
		{"the caller's values win", TLSPolicy{Base: base, ServerName: "mx.example"}, "mine.example", tls.VersionTLS11, tls.VersionTLS12, false,
			func(s []uint16) bool { return slices.Equal(s, suites) }},
		{"over fallback too", TLSPolicy{Base: base, Fallback: true}, "mine.example", tls.VersionTLS11, tls.VersionTLS12, false,
			func(s []uint16) bool { return slices.Equal(s, suites) }},
		{"an empty list is a list", TLSPolicy{Base: &tls.Config{CipherSuites: []uint16{}}}, "", tls.VersionTLS12, 0, false,
			func(s []uint16) bool { return len(s) == 0 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := c.policy.Config()
			if cfg.ServerName != c.server || cfg.MinVersion != c.min || cfg.MaxVersion != c.max || cfg.InsecureSkipVerify != c.skip {
				t.Errorf("name %q, versions %x to %x, skip %v", cfg.ServerName, cfg.MinVersion, cfg.MaxVersion, cfg.InsecureSkipVerify)
			}
			if !c.suites(cfg.CipherSuites) {
				t.Errorf("suites %x", cfg.CipherSuites)
			}
			if c.policy.Base == base && cfg.VerifyConnection == nil {
				t.Error("VerifyConnection is lost")
			}
		})
	}
	if base.ServerName != "mine.example" || base.MinVersion != tls.VersionTLS11 || len(base.CipherSuites) != 1 {
		t.Error("the caller's configuration was changed")
	}
	before := &tls.Config{}
	TLSPolicy{Base: before, ServerName: "x", Trusted: true, Fallback: true}.Config()
	if before.ServerName != "" || before.InsecureSkipVerify || before.MinVersion != 0 {
		t.Error("the caller's configuration was changed")
	}
}

func onlyStrict(ids []uint16) bool {
	for _, id := range ids {
		name := tls.CipherSuiteName(id)
		if !strings.HasPrefix(name, "TLS_ECDHE_") || !strings.Contains(name, "GCM") && !strings.Contains(name, "POLY1305") {
			return false
		}
	}
	return len(ids) == 6
}

func everySuite(ids []uint16) bool {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !slices.Contains(ids, s.ID) {
			return false
		}
	}
	return true
}

// authority makes certificates for these tests.
var rsaCert = sync.OnceValue(func() tls.Certificate {
	cert, err := testCert().authority.Certificate(smtptest.CertOptions{RSA: true})
	if err != nil {
		panic(err)
	}
	return cert
})

// tlsTo does a handshake with a server of crypto/tls on loopback.
func tlsTo(t *testing.T, server *tls.Config, p TLSPolicy) (*Conn, error, error) {
	t.Helper()
	addr := listen(t, func(c net.Conn) {
		conn := tls.Server(c, server)
		if conn.Handshake() == nil {
			io.WriteString(conn, "220 secure\r\n")
		}
		io.Copy(io.Discard, c)
	})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := NewConn(c, new(sync.Mutex), time.Minute)
	t.Cleanup(func() { conn.Close() })
	verdict, err := conn.Handshake(p.Config(), p.Fallback, patience)
	if err == nil {
		if r, err := conn.ReadReply(patience, false); err != nil || r.Text != "secure" {
			t.Fatalf("through TLS: %v, %v", r, err)
		}
	}
	return conn, verdict, err
}

func TestHandshake_C18_H21_VersionsAndSuites(t *testing.T) {
	old := func(suites ...uint16) *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12, CipherSuites: suites, Certificates: []tls.Certificate{rsaCert()}}
	}
	tls10 := old()
	tls10.MaxVersion = tls.VersionTLS10
	tls11 := old()
	tls11.MinVersion, tls11.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	cases := []struct {
		name    string
		server  *tls.Config
		strict  bool // accepted without Fallback
		version uint16
		suite   uint16
	}{
		{"TLS 1.0 only", tls10, false, tls.VersionTLS10, 0},
		{"TLS 1.1 only", tls11, false, tls.VersionTLS11, 0},
		{"RC4 only", old(tls.TLS_RSA_WITH_RC4_128_SHA), false, tls.VersionTLS12, tls.TLS_RSA_WITH_RC4_128_SHA},
		{"3DES only", old(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), false, tls.VersionTLS12, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
		{"CBC with SHA-1 only", old(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), false, tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA},
		{"RSA key exchange only", old(tls.TLS_RSA_WITH_AES_128_GCM_SHA256), false, tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
		{"TLS 1.2 with AEAD", old(tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384), true, tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		{"modern", testCert().server(), true, tls.VersionTLS13, 0},
		{"modern with RSA", &tls.Config{Certificates: []tls.Certificate{rsaCert()}}, true, tls.VersionTLS13, 0},
	}
	for _, c := range cases {
		for _, fallback := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, "/fallback ", fallback), func(t *testing.T) {
				p := TLSPolicy{Base: &tls.Config{RootCAs: testCert().authority.Pool()}, ServerName: "localhost", Fallback: fallback}
				conn, _, err := tlsTo(t, c.server, p)
				if !c.strict && !fallback {
					e := wantKind(t, err, smtp.KindTLS)
					if !strings.Contains(e.Error(), "SecureFallback would") || e.Permanent {
						t.Errorf("%v (permanent: %v)", e, e.Permanent)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				cs := conn.TLS().ConnectionState()
				if cs.Version != c.version || c.suite != 0 && cs.CipherSuite != c.suite {
					t.Errorf("%s, %s", tls.VersionName(cs.Version), tls.CipherSuiteName(cs.CipherSuite))
				}
			})
		}
	}
	t.Run("nothing in common, even so", func(t *testing.T) {
		p := TLSPolicy{Base: &tls.Config{MinVersion: tls.VersionTLS13}, ServerName: "localhost", Fallback: true}
		_, _, err := tlsTo(t, tls10, p)
		if e := wantKind(t, err, smtp.KindTLS); !strings.Contains(e.Error(), "even with SecureFallback") {
			t.Error(e)
		}
	})
	t.Run("versions that exclude each other", func(t *testing.T) {
		p := TLSPolicy{Base: &tls.Config{MaxVersion: tls.VersionTLS11}, ServerName: "localhost"}
		_, _, err := tlsTo(t, tls10, p)
		if e := wantKind(t, err, smtp.KindTLS); !strings.Contains(e.Error(), "SecureFallback would") {
			t.Error(e)
		}
	})
}

func TestHandshake_C14_H20_Certificates(t *testing.T) {
	a := testCert().authority
	stranger, err := smtptest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	cases := []struct {
		name  string
		from  *smtptest.Authority
		opts  smtptest.CertOptions
		check string
		says  string // "" if it is good
	}{
		{"good", a, smtptest.CertOptions{}, "localhost", ""},
		{"IP SAN", a, smtptest.CertOptions{Names: []string{"192.0.2.25"}}, "192.0.2.25", ""},
		{"IPv6 SAN", a, smtptest.CertOptions{Names: []string{"2001:db8::25"}}, "2001:db8::25", ""},
		{"wildcard", a, smtptest.CertOptions{Names: []string{"*.mx.example"}}, "a.mx.example", ""},
		{"name in another case", a, smtptest.CertOptions{Names: []string{"mx.example"}}, "MX.Example", ""},
		{"expired", a, smtptest.CertOptions{NotAfter: now.Add(-time.Hour)}, "localhost", "expired"},
		{"not yet valid", a, smtptest.CertOptions{NotBefore: now.Add(time.Hour)}, "localhost", "not yet valid"},
		{"wrong name", a, smtptest.CertOptions{Names: []string{"mx.example"}}, "mx2.example", "valid for mx.example, not mx2.example"},
		{"wrong IP", a, smtptest.CertOptions{Names: []string{"192.0.2.25"}}, "192.0.2.26", "192.0.2.26"},
		{"a name for an IP", a, smtptest.CertOptions{Names: []string{"localhost"}}, "192.0.2.25", "192.0.2.25"},
		{"wildcard over two labels", a, smtptest.CertOptions{Names: []string{"*.example"}}, "a.mx.example", "not a.mx.example"},
		{"wildcard's parent", a, smtptest.CertOptions{Names: []string{"*.mx.example"}}, "mx.example", "not mx.example"},
		{"unknown authority", stranger, smtptest.CertOptions{}, "localhost", "unknown authority"},
		{"self-signed", a, smtptest.CertOptions{SelfSigned: true}, "localhost", "unknown authority"},
	}
	for _, c := range cases {
		cert, err := c.from.Certificate(c.opts)
		if err != nil {
			t.Fatal(err)
		}
		server := &tls.Config{Certificates: []tls.Certificate{cert}}
		base := &tls.Config{RootCAs: a.Pool()}
		t.Run(c.name, func(t *testing.T) {
			_, verdict, err := tlsTo(t, server, TLSPolicy{Base: base, ServerName: c.check})
			if verdict != nil {
				t.Errorf("a verdict where the handshake gave it: %v", verdict)
			}
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := wantKind(t, err, smtp.KindCertificate)
			if !strings.Contains(e.Error(), c.says) || e.Permanent {
				t.Errorf("%v (permanent: %v), want %q", e, e.Permanent, c.says)
			}
		})
		t.Run(c.name+"/trusted", func(t *testing.T) {
			_, verdict, err := tlsTo(t, server, TLSPolicy{Base: base, ServerName: c.check, Trusted: true})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.says == "" && verdict != nil:
				t.Error(verdict)
			case c.says != "" && (verdict == nil || !strings.Contains(verdict.Error(), c.says)):
				t.Errorf("verdict %v, want %q", verdict, c.says)
			}
		})
	}
}

// The verdict uses the clock and the intermediates that a real one would.
func TestHandshake_C14_VerdictUsesTheCallersClock(t *testing.T) {
	base := &tls.Config{RootCAs: testCert().authority.Pool(), Time: func() time.Time { return time.Now().AddDate(5, 0, 0) }}
	_, verdict, err := tlsTo(t, testCert().server(), TLSPolicy{Base: base, ServerName: "localhost", Trusted: true})
	if err != nil || verdict == nil || !strings.Contains(verdict.Error(), "expired") {
		t.Errorf("%v, verdict %v", err, verdict)
	}
}

func TestVerdict_WithoutACertificate(t *testing.T) {
	if verdict(&tls.Config{InsecureSkipVerify: true}, tls.ConnectionState{}) == nil {
		t.Error("nobody is trusted")
	}
}

func TestHandshake_C14_VerifyConnectionStillRuns(t *testing.T) {
	own := errors.New("not the pinned key")
	ran := 0
	base := &tls.Config{VerifyConnection: func(tls.ConnectionState) error { ran++; return own }}
	_, _, err := tlsTo(t, testCert().server(), TLSPolicy{Base: base, ServerName: "localhost", Trusted: true})
	if e := wantKind(t, err, smtp.KindTLS); !errors.Is(e, own) || ran != 1 {
		t.Errorf("%v, ran %d times", e, ran)
	}
	// A callback may bring an error of ours.
	base.VerifyConnection = func(tls.ConnectionState) error { return &smtp.Error{Kind: smtp.KindCertificate, Err: own} }
	_, _, err = tlsTo(t, testCert().server(), TLSPolicy{Base: base, ServerName: "localhost", Trusted: true})
	wantKind(t, err, smtp.KindCertificate)
}

func TestHandshake_C14_SNIIsSentUnderTrusted(t *testing.T) {
	names := make(chan string, 1)
	server := testCert().server()
	server.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) { names <- h.ServerName; return nil, nil }
	if _, _, err := tlsTo(t, server, TLSPolicy{ServerName: "mx.example", Trusted: true}); err != nil {
		t.Fatal(err)
	}
	if name := <-names; name != "mx.example" {
		t.Errorf("SNI %q", name)
	}
}

func TestHandshake_FailuresOfTheServer(t *testing.T) {
	record := func(t *testing.T, alert byte) string { return string([]byte{0x15, 3, 3, 0, 2, 2, alert}) }
	cases := []struct {
		name string
		do   func(net.Conn)
		kind smtp.Kind
		says string
	}{
		{"C16: a greeting in clear", func(c net.Conn) { io.WriteString(c, "220 mx.example ESMTP\r\n") }, smtp.KindTLS, "SecureExplicit (STARTTLS)"},
		{"a refusal in clear", func(c net.Conn) { io.WriteString(c, "554 no\r\n") }, smtp.KindTLS, "SecureExplicit (STARTTLS)"},
		{"closed", func(c net.Conn) {}, smtp.KindLost, ""},
		{"closed inside a record", func(c net.Conn) { io.WriteString(c, "\x16\x03\x03\x40\x00abc") }, smtp.KindLost, ""},
		{"reset", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, smtp.KindLost, ""},
		{"alert internal_error", func(c net.Conn) { io.WriteString(c, record(t, 80)) }, smtp.KindTLS, "internal error"},
		{"alert unrecognized_name", func(c net.Conn) { io.WriteString(c, record(t, 112)) }, smtp.KindTLS, "unrecognized name"},
		{"alert handshake_failure", func(c net.Conn) { io.WriteString(c, record(t, 40)) }, smtp.KindTLS, "SecureFallback would"},
		{"alert insufficient_security", func(c net.Conn) { io.WriteString(c, record(t, 71)) }, smtp.KindTLS, "SecureFallback would"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			addr := listen(t, func(conn net.Conn) {
				conn.Read(make([]byte, 4096)) // the ClientHello
				c.do(conn)
			})
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			k := NewConn(conn, new(sync.Mutex), 0)
			defer k.Close()
			_, err = k.Handshake(testCert().client(), false, patience)
			if e := wantKind(t, err, c.kind); !strings.Contains(e.Error(), c.says) {
				t.Errorf("%v, want %q", e, c.says)
			}
			if k.TLS() != nil {
				t.Error("TLS after a failed handshake")
			}
		})
	}
}

func TestHandshake_H2_OctetsInClearBeforeIt(t *testing.T) {
	l := open(t, variants[0])
	l.say("220 go\r\n250 injected\r\n")
	if _, err := l.conn.ReadReply(patience, true); err != nil {
		t.Fatal(err)
	}
	_, err := l.conn.Handshake(testCert().client(), false, patience)
	if e := wantKind(t, err, smtp.KindProtocol); !strings.Contains(e.Error(), "14 octets in clear") {
		t.Error(e)
	}
	l.raw.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := l.raw.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the handshake began: %d octets, %v", n, err)
	}
}

func TestHandshake_TimeLimitAndCut(t *testing.T) {
	for _, cut := range []bool{false, true} {
		for _, partial := range []string{"", "\x16", "\x16\x03\x03\x40\x00abc"} {
			synctest.Test(t, func(t *testing.T) {
				p := piped(t, 0)
				io.WriteString(p.server, partial)
				limit, want := time.Minute, smtp.KindTimeout
				if cut {
					limit, want = 0, smtp.KindCanceled
					time.AfterFunc(time.Minute, p.cut)
				}
				begun := time.Now()
				_, err := p.conn.Handshake(testCert().client(), false, limit)
				wantKind(t, err, want)
				if d := time.Since(begun); d != time.Minute {
					t.Errorf("after %v, want 1m0s", d)
				}
			})
		}
	}
}

func TestHandshake_OnACutConnectionSendsNothing(t *testing.T) {
	l := open(t, variants[0])
	l.cut()
	_, err := l.conn.Handshake(testCert().client(), false, patience)
	wantKind(t, err, smtp.KindCanceled)
}

func TestHandshakeError_Words(t *testing.T) {
	cases := []struct {
		err  error
		kind smtp.Kind
		says string
	}{
		{errors.New("tls: server selected unsupported protocol version 301"), smtp.KindTLS, "SecureFallback would"},
		{errors.New("tls: server chose an unconfigured cipher suite"), smtp.KindTLS, "SecureFallback would"},
		{errors.New("tls: certificate used with invalid signature algorithm"), smtp.KindTLS, "tlssha1=1"},
		{errors.New("tls: handshake message of length 1 exceeds maximum"), smtp.KindTLS, "exceeds"},
		{&net.OpError{Op: "local error", Err: tls.AlertError(20)}, smtp.KindTLS, "bad record MAC"},
		{errors.New("what a callback said"), smtp.KindTLS, "callback"},
		{x509.UnknownAuthorityError{}, smtp.KindTLS, "unknown authority"}, // from a callback: crypto/tls wraps its own
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, smtp.KindCertificate, "unknown authority"},
		{io.EOF, smtp.KindLost, "EOF"},
		{io.ErrUnexpectedEOF, smtp.KindLost, "EOF"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, smtp.KindLost, "reset"},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, smtp.KindTimeout, "timeout"},
	}
	for _, c := range cases {
		e := handshakeError(c.err, false)
		if e.Kind != c.kind || !strings.Contains(e.Error(), c.says) || !errors.Is(e, c.err) && c.kind != smtp.KindCertificate {
			t.Errorf("%v: %v (%v)", c.err, e, e.Kind)
		}
	}
}
