package smtptest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"
)

// Authority is a certificate authority that exists only for a test. It may be
// used from many goroutines.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority that is valid from a day ago, for ten years.
// The clock is time.Now, so one that is to be believed inside a testing/synctest
// bubble (where it is the year 2000) has to be made there.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("smtptest: key of the authority: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "smtptest authority"},
		NotBefore:             now.Add(-24 * time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	cert, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("smtptest: certificate of the authority: %w", err)
	}
	return &Authority{cert: cert, key: key}, nil
}

// Pool returns a new pool that trusts this authority and nothing else.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// CertOptions says what a certificate is to be. The zero value makes one for
// localhost that is valid now.
type CertOptions struct {
	Names      []string  // DNS names (wildcards too), IP and e-mail addresses; none: localhost
	NotBefore  time.Time // zero: an hour ago, or a day before a NotAfter that is earlier than that
	NotAfter   time.Time // zero: a year after NotBefore
	SelfSigned bool      // signed by its own key, so no authority vouches for it
	RSA        bool      // RSA with 2048 bits, which suites without ECDSA want; else ECDSA P-256
}

// Certificate makes a key and a certificate for a server, or for a client. An expired one has a
// NotAfter in the past, one for the wrong host other Names, one of an unknown
// authority comes from another Authority.
func (a *Authority) Certificate(o CertOptions) (tls.Certificate, error) {
	key, err := newKey(o.RSA)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("smtptest: key: %w", err)
	}
	template := o.template()
	parent, signer := a.cert, crypto.Signer(a.key)
	if o.SelfSigned {
		parent, signer = template, key
	}
	leaf, err := sign(template, parent, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("smtptest: certificate for %s: %w", strings.Join(o.Names, ", "), err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func (o CertOptions) template() *x509.Certificate {
	names := o.Names
	if len(names) == 0 {
		names = []string{"localhost"}
	}
	from, to := o.NotBefore, o.NotAfter
	if from.IsZero() {
		from = time.Now().Add(-time.Hour)
		if !to.IsZero() && !to.After(from) {
			from = to.Add(-24 * time.Hour)
		}
	}
	if to.IsZero() {
		to = from.AddDate(1, 0, 0)
	}
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: names[0]},
		NotBefore:   from,
		NotAfter:    to,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if o.RSA {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment // suites without ECDHE
	}
	for _, name := range names {
		ip := net.ParseIP(name)
		switch {
		case ip != nil:
			t.IPAddresses = append(t.IPAddresses, ip)
		case strings.Contains(name, "@"):
			t.EmailAddresses = append(t.EmailAddresses, name)
		default:
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	return t
}

func newKey(useRSA bool) (crypto.Signer, error) {
	if useRSA {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
