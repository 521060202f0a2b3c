package tracing

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// handshake tells what TLS came to, and what was thought of the certificate:
// under TrustedSite the session goes on with a bad one, and only this tells.
func handshake(attrs []attribute.KeyValue, e events.PhaseEnd) []attribute.KeyValue {
	if e.Phase != fsm.TLS && e.Phase != fsm.StartTLS {
		return attrs // a proxy has a certificate too; this is about the server's
	}
	if e.TLS != nil {
		attrs = append(attrs,
			KeyTLSVersion.String(strings.TrimPrefix(tls.VersionName(e.TLS.Version), "TLS ")),
			KeyTLSCipher.String(tls.CipherSuiteName(e.TLS.CipherSuite)),
			KeyTLSResumed.Bool(e.TLS.DidResume))
	}
	verdict := e.Verdict
	if verdict == nil && errors.Is(e.Err, smtp.ErrCertificate) {
		verdict = e.Err
	}
	switch {
	case verdict != nil:
		attrs = append(attrs, KeyTLSVerified.Bool(false), KeyTLSVerdict.String(verdictClass(verdict)))
	case e.TLS != nil:
		attrs = append(attrs, KeyTLSVerified.Bool(true))
	}
	return attrs
}

// verdictClass says in one of five words why a certificate was not verified.
// The error itself quotes the certificate, which anybody may have written.
func verdictClass(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "wrong_name"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "unknown_authority"
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if e.Reason == x509.Expired { // or not yet valid
			return "expired"
		}
		return "invalid"
	}
	if _, ok := errors.AsType[x509.InsecureAlgorithmError](err); ok {
		return "invalid"
	}
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return "invalid"
	}
	return "_OTHER"
}
