package show

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestMeaning(t *testing.T) {
	for line, want := range map[string]string{
		"size 0":           "sizes are declared, no fixed limit (RFC 1870)",
		"SIZE":             "sizes are declared, no fixed limit (RFC 1870)",
		"SIZE 1000":        "messages of up to 1000 octets (RFC 1870)",
		"SIZE 26214400":    "messages of up to 25.0 MiB (RFC 1870)",
		"SIZE x":           "sizes are declared, no fixed limit (RFC 1870)",
		"XCLIENT ADDR":     "",
		"STARTTLS":         "TLS on this connection (RFC 3207)",
		"AUTH=LOGIN PLAIN": "",
	} {
		keyword, params, _ := strings.Cut(line, " ")
		if got := meaning(keyword, params); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
		if room := Columns - 2 - capabilityColumn; Wide(meaning(keyword, params)) > room {
			t.Errorf("%s: over %d columns", line, room)
		}
	}
}

func TestNamesOf(t *testing.T) {
	c := &x509.Certificate{DNSNames: []string{"a.example", "\x1b.example"}, IPAddresses: []net.IP{net.IPv6loopback}}
	if got, want := strings.Join(namesOf(c), " "), `a.example \x1b.example ::1`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for i := range 50 {
		c.DNSNames = append(c.DNSNames, fmt.Sprintf("n%d.example", i))
	}
	if n := len(namesOf(c)); n != 21 {
		t.Errorf("%d names", n)
	}
}

// The refused certificate is found in each error that has it.
func TestRefused(t *testing.T) {
	c := &x509.Certificate{SerialNumber: big.NewInt(1)}
	for _, err := range []error{
		x509.HostnameError{Certificate: c}, x509.UnknownAuthorityError{Cert: c}, x509.CertificateInvalidError{Cert: c},
	} {
		if refused(&smtp.Error{Kind: smtp.KindCertificate, Err: err}) != c {
			t.Errorf("%T", err)
		}
	}
	if refused(&smtp.Error{Kind: smtp.KindCertificate}) != nil {
		t.Error("out of nothing")
	}
}
