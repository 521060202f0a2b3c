package smtptest

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAuthority_CertificateVerifies(t *testing.T) {
	authority, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var wrong x509.HostnameError
	now := time.Now()
	for _, c := range []struct {
		name  string
		from  *Authority
		o     CertOptions
		check string
		want  any // nil: verifies
	}{
		{"zero value", authority, CertOptions{}, "localhost", nil},
		{"dns name", authority, CertOptions{Names: []string{"mx.example.org"}}, "mx.example.org", nil},
		{"wildcard", authority, CertOptions{Names: []string{"*.example.org"}}, "mx.example.org", nil},
		{"ipv4", authority, CertOptions{Names: []string{"192.0.2.1"}}, "192.0.2.1", nil},
		{"ipv6", authority, CertOptions{Names: []string{"2001:db8::1"}}, "2001:db8::1", nil},
		{"rsa", authority, CertOptions{RSA: true}, "localhost", nil},
		{"wrong name", authority, CertOptions{}, "mx.example.org", &wrong},
		{"expired", authority, CertOptions{NotAfter: now.Add(-time.Hour)}, "localhost", &invalid},
		{"not yet", authority, CertOptions{NotBefore: now.Add(time.Hour)}, "localhost", &invalid},
		{"self-signed", authority, CertOptions{SelfSigned: true}, "localhost", &unknown},
		{"self-signed rsa", authority, CertOptions{SelfSigned: true, RSA: true}, "localhost", &unknown},
		{"unknown authority", stranger, CertOptions{}, "localhost", &unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			cert, err := c.from.Certificate(c.o)
			if err != nil {
				t.Fatal(err)
			}
			err = verify(cert.Leaf, authority.Pool(), c.check)
			switch {
			case c.want == nil && err != nil:
				t.Error(err)
			case c.want != nil && !errors.As(err, c.want):
				t.Errorf("verified as %v, want %T", err, c.want)
			}
			if _, ok := cert.PrivateKey.(*rsa.PrivateKey); ok != c.o.RSA {
				t.Errorf("key is %T", cert.PrivateKey)
			}
		})
	}
}

func TestAuthority_ExpiredHasAnOrderedValidity(t *testing.T) {
	authority, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate(CertOptions{NotAfter: time.Now().AddDate(-3, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if !cert.Leaf.NotBefore.Before(cert.Leaf.NotAfter) {
		t.Errorf("valid from %v to %v", cert.Leaf.NotBefore, cert.Leaf.NotAfter)
	}
}

func TestAuthority_IsValidWhereItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority, err := NewAuthority()
		if err != nil {
			t.Fatal(err)
		}
		cert, err := authority.Certificate(CertOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{
			Roots: authority.Pool(), DNSName: "localhost", CurrentTime: time.Now(),
		}); err != nil {
			t.Error(err)
		}
	})
}
