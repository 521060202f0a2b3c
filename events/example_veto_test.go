package events_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"strings"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// public refuses the addresses of private networks.
type public struct{}

func (public) BeforeDial(_ context.Context, t events.Target) error {
	if t.Addr.IsPrivate() || t.Addr.IsLoopback() {
		return errors.New("not out there")
	}
	return nil
}

// inside is a Resolver whose name leads to the inside.
type inside struct{}

func (inside) LookupNetIP(_ context.Context, network, _ string) ([]netip.Addr, error) {
	if network == "ip6" {
		return []netip.Addr{netip.MustParseAddr("fd00::1")}, nil
	}
	return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
}

// Not every name leads where mail should go.
func ExampleDialVeto() {
	s, err := session.New(session.Config{HostName: "mx.example", Resolver: inside{}, Hooks: []events.Hook{public{}}})
	if err != nil {
		log.Fatal(err)
	}
	err = s.Connect(context.Background())
	fmt.Println(err)
	fmt.Println(errors.Is(err, smtp.ErrVetoed))
	// Output:
	// dial: vetoed by a hook: 10.0.0.1: not out there; fd00::1: not out there
	// true
}

// pin knows the one key that the server may have.
type pin [sha256.Size]byte

func (p pin) VerifyPeer(_ context.Context, peer events.Peer) error {
	if sha256.Sum256(peer.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo) != p {
		return errors.New("another key than the pinned one")
	}
	return nil
}

// The certificate is good, and the key is not the one that was agreed on.
func ExamplePeerVeto() {
	server := smtptest.NewMemoryServer(smtptest.Config{Mode: smtptest.StartTLS})
	defer server.Close()
	s, err := session.New(session.Config{HostAddress: server.Host(), RemotePort: server.Port(), Dialer: server,
		Options: session.SecureExplicit, TLS: &tls.Config{RootCAs: server.Roots()}, Hooks: []events.Hook{pin{}}})
	if err != nil {
		log.Fatal(err)
	}
	err = s.Connect(context.Background())
	fmt.Println(err)
	fmt.Println(errors.Is(err, smtp.ErrCertificate), errors.Is(err, smtp.ErrVetoed))
	// Output:
	// starttls: certificate not verified: vetoed by a hook: another key than the pinned one
	// true true
}

// quota lets a message go to few.
type quota int

func (q quota) BeforeSend(_ context.Context, m events.Outgoing) error {
	if len(m.Recipients) > int(q) {
		return fmt.Errorf("%d recipients, and %d are allowed", len(m.Recipients), q)
	}
	return nil
}

// The session stays ready for the next message.
func ExampleSendVeto() {
	server := smtptest.NewMemoryServer(smtptest.Config{})
	defer server.Close()
	s, err := session.New(session.Config{HostAddress: server.Host(), RemotePort: server.Port(), Dialer: server,
		Hooks: []events.Hook{quota(1)}})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	if err := s.Connect(ctx); err != nil {
		log.Fatal(err)
	}
	for _, to := range [][]string{{"bob@example.net", "eve@example.net"}, {"bob@example.net"}} {
		receipt, err := s.Send(ctx, &smtp.Message{Mail: smtp.Mail{From: "ann@example.org"},
			Recipients: smtp.To(to...), Content: strings.NewReader("Subject: hi\r\n\r\nhi\r\n")})
		fmt.Println(receipt.Outcome, err)
	}
	// Output:
	// not_sent mail: MAIL: vetoed by a hook: 2 recipients, and 1 are allowed
	// accepted <nil>
}
