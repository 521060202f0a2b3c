package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/ehlo-go/ehlo/smtp"
)

// TLSPolicy is what a handshake must hold to.
type TLSPolicy struct {
	// Base is the caller's configuration, cloned; nil is the zero one. What it
	// sets of ServerName, MinVersion, MaxVersion and CipherSuites wins.
	Base *tls.Config
	// ServerName is the name or the address the certificate is checked against;
	// a name is also sent as SNI.
	ServerName string
	// Trusted permits a certificate that is not verified; Base's
	// InsecureSkipVerify means the same.
	Trusted bool
	// Fallback also permits TLS 1.0 and 1.1 and the suites with RC4, 3DES and
	// SHA-1. Without it TLS 1.2 or later, and in 1.2 ECDHE with AEAD only.
	Fallback bool
}

// Config returns the configuration for crypto/tls.
func (p TLSPolicy) Config() *tls.Config {
	cfg := &tls.Config{}
	if p.Base != nil {
		cfg = p.Base.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = p.ServerName
	}
	if p.Trusted {
		cfg.InsecureSkipVerify = true
	}
	cfg.DynamicRecordSizingDisabled = true // it is for pages that show early; here it only costs system calls
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS12
		if p.Fallback {
			cfg.MinVersion = tls.VersionTLS10
		}
	}
	if cfg.CipherSuites == nil {
		cfg.CipherSuites = cipherSuites(p.Fallback)
	}
	if verify := cfg.VerifyConnection; verify != nil {
		cfg.VerifyConnection = func(cs tls.ConnectionState) error { return policy(verify(cs)) }
	}
	if verify := cfg.VerifyPeerCertificate; verify != nil {
		cfg.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error { return policy(verify(raw, chains)) }
	}
	return cfg
}

// policyError is what a callback of the caller's said of a server. Whatever it
// wraps, such as a network error of an OCSP responder, it is no failure of the
// connection.
type policyError struct{ error }

func (p policyError) Unwrap() error { return p.error }

func policy(err error) error {
	if err == nil {
		return nil
	}
	return policyError{err}
}

// cipherSuites returns the suites offered for TLS 1.2 and before; those of TLS
// 1.3 are crypto/tls's own.
func cipherSuites(fallback bool) []uint16 {
	strict := []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	if !fallback {
		return strict
	}
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, suite := range list {
			if !slices.Contains(strict, suite.ID) {
				strict = append(strict, suite.ID)
			}
		}
	}
	return strict
}

// verdict tells what verification says of the server's certificate: nil, or why
// it would have been refused. cfg skips verification, or crypto/tls would have
// said so itself.
func verdict(cfg *tls.Config, cs tls.ConnectionState) error {
	if !cfg.InsecureSkipVerify {
		return nil
	}
	if len(cs.PeerCertificates) == 0 {
		return &smtp.Error{Kind: smtp.KindCertificate, Err: errors.New("no certificate")}
	}
	opts := x509.VerifyOptions{Roots: cfg.RootCAs, DNSName: cfg.ServerName, Intermediates: x509.NewCertPool()}
	if cfg.Time != nil {
		opts.CurrentTime = cfg.Time()
	}
	for _, c := range cs.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := cs.PeerCertificates[0].Verify(opts); err != nil {
		return &smtp.Error{Kind: smtp.KindCertificate, Err: err} // escapes the names in it
	}
	return nil
}

// handshakeError gives a failed handshake its kind, and says what would help.
// crypto/tls has types for two of its errors; the others are known by their
// words.
func handshakeError(err error, fallback bool) *smtp.Error {
	var (
		e      *smtp.Error
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
	)
	text := err.Error()
	says := func(words string) bool { return strings.Contains(text, words) }
	if said, ok := errors.AsType[policyError](err); ok {
		if errors.As(said.error, &e) {
			return ioError(e, false)
		}
		return &smtp.Error{Kind: smtp.KindTLS, Err: said.error}
	}
	switch {
	case errors.As(err, &e):
		return ioError(err, false)
	case errors.As(err, &cert):
		return &smtp.Error{Kind: smtp.KindCertificate, Err: cert}
	case errors.As(err, &record):
		return hint(err, "the server speaks no TLS here: a port for SecureExplicit (STARTTLS)?")
	case slices.ContainsFunc(nothingInCommon, says):
		return versionHint(err, fallback)
	case says("signature algorithm"):
		return hint(err, "for SHA-1 signatures in TLS 1.2 set GODEBUG=tlssha1=1")
	case says("tls: "):
		return &smtp.Error{Kind: smtp.KindTLS, Err: err}
	}
	e = ioError(err, false)
	if e.Kind == smtp.KindLost && !isNetworkError(err) {
		e.Kind = smtp.KindTLS // what VerifyConnection or another callback of the caller's said
	}
	return e
}

// nothingInCommon are the words of crypto/tls for a version or a suite that one
// side does not have: alerts of the server (RFC 8446 6.2) and errors of ours.
var nothingInCommon = []string{
	tls.AlertError(40).Error(), // handshake_failure
	tls.AlertError(70).Error(), // protocol_version
	tls.AlertError(71).Error(), // insufficient_security
	"unsupported protocol version",
	"unconfigured cipher suite",
	"no supported versions",
}

func versionHint(err error, fallback bool) *smtp.Error {
	if fallback {
		return hint(err, "no version and suite in common, even with SecureFallback; for SHA-1 signatures in TLS 1.2 set GODEBUG=tlssha1=1")
	}
	return hint(err, "no version and suite in common: SecureFallback would also permit TLS 1.0 and 1.1 and old suites")
}

func hint(err error, help string) *smtp.Error {
	return &smtp.Error{Kind: smtp.KindTLS, Err: hinted{err, help}}
}

// hinted is an error with a word on what would help.
type hinted struct {
	err  error
	help string
}

func (h hinted) Error() string { return h.err.Error() + " (" + h.help + ")" }
func (h hinted) Unwrap() error { return h.err }
