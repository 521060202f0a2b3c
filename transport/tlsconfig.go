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
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS12
		if p.Fallback {
			cfg.MinVersion = tls.VersionTLS10
		}
	}
	if cfg.CipherSuites == nil {
		cfg.CipherSuites = cipherSuites(p.Fallback)
	}
	return cfg
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
		return errors.New("no certificate")
	}
	opts := x509.VerifyOptions{Roots: cfg.RootCAs, DNSName: cfg.ServerName, Intermediates: x509.NewCertPool()}
	if cfg.Time != nil {
		opts.CurrentTime = cfg.Time()
	}
	for _, c := range cs.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := cs.PeerCertificates[0].Verify(opts)
	return err
}

// handshakeError gives a failed handshake its kind, and says what would help.
func handshakeError(err error, fallback bool) *smtp.Error {
	var (
		e      *smtp.Error
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
		alert  tls.AlertError
	)
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &cert):
		return &smtp.Error{Kind: smtp.KindCertificate, Err: cert.Err}
	case errors.As(err, &record):
		return hint(err, "the server speaks no TLS here: a port for SecureExplicit (STARTTLS)?")
	case errors.As(err, &alert):
		switch alert {
		case alertHandshakeFailure, alertProtocolVersion, alertInsufficientSecurity:
			return versionHint(err, fallback)
		}
		return &smtp.Error{Kind: smtp.KindTLS, Err: err}
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "unsupported protocol version"), strings.Contains(text, "unconfigured cipher suite"),
		strings.Contains(text, "no supported versions"):
		return versionHint(err, fallback)
	case strings.Contains(text, "signature algorithm"):
		return hint(err, "for SHA-1 signatures in TLS 1.2 set GODEBUG=tlssha1=1")
	case strings.HasPrefix(text, "tls: "):
		return &smtp.Error{Kind: smtp.KindTLS, Err: err}
	}
	e = ioError(err, false)
	if e.Kind == smtp.KindLost && !isNetworkError(err) {
		e.Kind = smtp.KindTLS // what VerifyConnection or another callback of the caller's said
	}
	return e
}

// The alerts that speak of versions and suites (RFC 8446 6).
const (
	alertHandshakeFailure     tls.AlertError = 40
	alertProtocolVersion      tls.AlertError = 70
	alertInsufficientSecurity tls.AlertError = 71
)

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
