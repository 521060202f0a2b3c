package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/xdg-go/scram"
)

// certificate makes a self-signed one.
func certificate(t testing.TB, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mx.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func ecdsaKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// handshake returns the states of both sides of a TLS connection.
func handshake(t testing.TB, client, server *tls.Config) (ours, theirs *tls.ConnectionState) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c, s := tls.Client(a, client), tls.Server(b, server)
	failed := make(chan error, 1)
	go func() { failed <- s.HandshakeContext(t.Context()) }()
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	cs, ss := c.ConnectionState(), s.ConnectionState()
	return &cs, &ss
}

// tlsStates returns both sides of a first connection with one version of TLS.
func tlsStates(t testing.TB, version uint16, key crypto.Signer) (ours, theirs *tls.ConnectionState) {
	t.Helper()
	return handshake(t,
		&tls.Config{InsecureSkipVerify: true, MaxVersion: version},
		&tls.Config{Certificates: []tls.Certificate{certificate(t, key)}, SessionTicketsDisabled: true})
}

func TestBinding_TypeFollowsTheConnection(t *testing.T) {
	key := ecdsaKey(t)
	exporter, exporterServer := tlsStates(t, tls.VersionTLS13, key)
	unique, uniqueServer := tlsStates(t, tls.VersionTLS12, key)

	client := &tls.Config{InsecureSkipVerify: true, ServerName: "mx.example", MaxVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	server := &tls.Config{Certificates: []tls.Certificate{certificate(t, key)}}
	handshake(t, client, server)
	resumed, resumedServer := handshake(t, client, server)
	if !resumed.DidResume {
		t.Fatal("the second connection was not resumed")
	}
	noEMS := *resumed // crypto/tls always has the extended master secret with itself; without it, TLSUnique is nil
	noEMS.TLSUnique = nil

	ed, _ := tlsStates(t, tls.VersionTLS12, func() crypto.Signer {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}())
	ed.TLSUnique = nil

	ekm, err := exporterServer.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32) // RFC 9266 2
	if err != nil {
		t.Fatal(err)
	}
	endPoint := sha256.Sum256(server.Certificates[0].Certificate[0]) // RFC 5929 4.1

	for name, c := range map[string]struct {
		state *tls.ConnectionState
		kind  scram.ChannelBindingType
		data  []byte
	}{
		"no TLS":                  {nil, "", nil},
		"no handshake yet":        {&tls.ConnectionState{Version: tls.VersionTLS13}, "", nil},
		"TLS 1.3":                 {exporter, scram.ChannelBindingTLSExporter, ekm},
		"TLS 1.2":                 {unique, scram.ChannelBindingTLSUnique, uniqueServer.TLSUnique},
		"TLS 1.2 resumed":         {resumed, scram.ChannelBindingTLSUnique, resumedServer.TLSUnique},
		"TLS 1.2 resumed, no EMS": {&noEMS, scram.ChannelBindingTLSServerEndpoint, endPoint[:]},
		"certificate has no hash": {ed, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := channelBinding(c.state)
			if b.Type != c.kind || string(b.Data) != string(c.data) {
				t.Errorf("%s %x, want %s %x", b.Type, b.Data, c.kind, c.data)
			}
			if b.IsSupported() != (c.kind != "") {
				t.Errorf("IsSupported is %t", b.IsSupported())
			}
		})
	}
}
