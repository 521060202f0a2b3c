package tracing_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

func TestHandshake_VerdictUnderTrustedSite(t *testing.T) {
	for class, verdict := range map[string]error{
		"expired":           x509.CertificateInvalidError{Reason: x509.Expired},
		"invalid":           x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign},
		"wrong_name":        x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"evil\x1b"}}, Host: "mail.example.org"},
		"unknown_authority": fmt.Errorf("wrapped: %w", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
		"_OTHER":            errors.New("evil\x1b"),
	} {
		same(t, class, phase(t, events.PhaseEnd{Phase: fsm.TLS, Verdict: verdict, TLS: &tls.ConnectionState{
			Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}),
			"smtp.tls.verdict="+class+" string",
			"smtp.tls.verified=false bool",
			"tls.cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 string",
			"tls.protocol.version=1.2 string",
			"tls.resumed=false bool")
	}
}

func TestHandshake_RefusedCertificateSaysWhy(t *testing.T) {
	same(t, "smtp.tls", phase(t, events.PhaseEnd{Phase: fsm.TLS,
		Err: &smtp.Error{Kind: smtp.KindCertificate, Err: x509.CertificateInvalidError{Reason: x509.Expired}}}),
		"error.type=tls_certificate string",
		"smtp.tls.verdict=expired string",
		"smtp.tls.verified=false bool")
}

func TestHandshake_UnfinishedHasNoVerdict(t *testing.T) {
	got := phase(t, events.PhaseEnd{Phase: fsm.TLS, Err: &smtp.Error{Kind: smtp.KindTimeout}})
	if strings.Contains(got, "tls") {
		t.Error(got)
	}
}

func TestHandshake_ProxysCertificateIsNotTheServers(t *testing.T) {
	same(t, "smtp.dial", phase(t, events.PhaseEnd{Phase: fsm.Dial,
		Err: &smtp.Error{Kind: smtp.KindProxy, Err: &smtp.Error{Kind: smtp.KindCertificate}}}),
		"error.type=proxy_failed string")
}
