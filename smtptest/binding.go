package smtptest

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/xdg-go/scram"
)

// binding returns the channel binding of a type, and whether this connection
// has it: tls-exporter on TLS 1.3 and on TLS 1.2 with an extended master secret
// (RFC 9266), tls-unique on TLS 1.2 and older, tls-server-end-point where it is
// certain which certificate the client saw (both RFC 5929).
func (c *Conn) binding(kind scram.ChannelBindingType) (scram.ChannelBinding, bool) {
	state, secure := c.TLS()
	if !secure {
		return scram.ChannelBinding{}, false
	}
	var b scram.ChannelBinding
	var err error
	switch kind {
	case scram.ChannelBindingTLSExporter:
		b, err = scram.NewTLSExporterBinding(&state)
	case scram.ChannelBindingTLSUnique:
		b = scram.NewTLSUniqueBinding(state.TLSUnique)
	case scram.ChannelBindingTLSServerEndpoint:
		b, err = endPoint(c.server.cfg.TLS)
	default: // ChannelBindingNone, and what a client made up
	}
	return b, err == nil && b.IsSupported()
}

// endPoint returns the binding to a server's only certificate; one that has
// several, or chooses by a function, has none.
func endPoint(cfg *tls.Config) (scram.ChannelBinding, error) {
	if len(cfg.Certificates) != 1 || cfg.GetCertificate != nil || cfg.GetConfigForClient != nil {
		return scram.ChannelBinding{}, nil
	}
	leaf, err := x509.ParseCertificate(cfg.Certificates[0].Certificate[0])
	if err != nil {
		return scram.ChannelBinding{}, err
	}
	return scram.NewTLSServerEndpointBinding(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}})
}
