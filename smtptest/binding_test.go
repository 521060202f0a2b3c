package smtptest

import (
	"crypto/tls"
	"testing"

	"github.com/xdg-go/scram"
)

// clientBinding is the binding as the client sees it.
func clientBinding(p *peer, kind scram.ChannelBindingType) (b scram.ChannelBinding) {
	p.t.Helper()
	state := p.Conn.(*tls.Conn).ConnectionState()
	var err error
	switch kind {
	case scram.ChannelBindingTLSExporter:
		b, err = scram.NewTLSExporterBinding(&state)
	case scram.ChannelBindingTLSServerEndpoint:
		b, err = scram.NewTLSServerEndpointBinding(&state)
	default:
		b = scram.NewTLSUniqueBinding(state.TLSUnique)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// A server that cannot tell which certificate the client saw has no end point.
func TestBinding_EndPointNeedsOneCertificate(t *testing.T) {
	authority, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate(CertOptions{})
	if err != nil {
		t.Fatal(err)
	}
	choose := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil }
	for name, c := range map[string]struct {
		cfg *tls.Config
		ok  bool
	}{
		"one":     {&tls.Config{Certificates: []tls.Certificate{cert}}, true},
		"two":     {&tls.Config{Certificates: []tls.Certificate{cert, cert}}, false},
		"none":    {&tls.Config{}, false},
		"chosen":  {&tls.Config{Certificates: []tls.Certificate{cert}, GetCertificate: choose}, false},
		"garbage": {&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{{1}}}}}, false},
	} {
		b, err := endPoint(c.cfg)
		if ok := err == nil && b.IsSupported(); ok != c.ok {
			t.Errorf("%s: %v, %v", name, b, err)
		}
	}
}

func TestBinding_NoneInClear(t *testing.T) {
	c := &Conn{server: memory(t, Config{})}
	for _, kind := range []scram.ChannelBindingType{scram.ChannelBindingTLSExporter, scram.ChannelBindingTLSUnique, scram.ChannelBindingTLSServerEndpoint, ""} {
		if b, ok := c.binding(kind); ok {
			t.Errorf("%q in clear: %v", kind, b)
		}
	}
}
