package auth

import (
	"crypto/tls"

	"github.com/xdg-go/scram"
)

// channelBinding returns what ties an exchange to a TLS connection: tls-exporter
// for TLS 1.3 (RFC 9266); before it tls-unique, which crypto/tls gives only where
// it is safe, else tls-server-end-point (RFC 5929). The zero value is none.
func channelBinding(state *tls.ConnectionState) scram.ChannelBinding {
	if state == nil || !state.HandshakeComplete {
		return scram.ChannelBinding{}
	}
	if len(state.TLSUnique) > 0 { // never with TLS 1.3
		return scram.NewTLSUniqueBinding(state.TLSUnique)
	}
	bind := scram.NewTLSServerEndpointBinding
	if state.Version >= tls.VersionTLS13 {
		bind = scram.NewTLSExporterBinding
	}
	b, err := bind(state)
	if err != nil { // a certificate whose signature has no hash, such as Ed25519
		return scram.ChannelBinding{}
	}
	return b
}
