package smtptest

import (
	"bufio"
	"crypto/tls"
	"testing"
)

func TestExternal_WhoIsLetIn(t *testing.T) {
	authority, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		names    []string // of the certificate; none: no certificate
		by       *Authority
		identity string
		user     string // "": refused
	}{
		{"no certificate", nil, nil, "somebody", "somebody"},
		{"no certificate, no identity", nil, nil, "", ""},
		{"e-mail", []string{"host.example", "one@example.org", "two@example.org"}, authority, "", "one@example.org"},
		{"e-mail, named", []string{"host.example", "one@example.org"}, authority, "one@example.org", "one@example.org"},
		{"e-mail, for another", []string{"host.example", "one@example.org"}, authority, "boss@example.org", ""},
		{"common name", []string{"host.example"}, authority, "", "host.example"},
		{"not verified", []string{"one@example.org"}, stranger, "", ""},
		{"not verified, identity", []string{"one@example.org"}, stranger, "somebody", "somebody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			side := &tls.Config{ClientAuth: tls.RequestClientCert}
			if c.by == authority {
				side = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: authority.Pool()}
			}
			s := memory(t, Config{Mode: Implicit, TLS: side, Mechanisms: []string{"EXTERNAL"}})
			p := dial(t, s)
			ours := &tls.Config{RootCAs: s.Roots(), ServerName: "localhost"}
			if c.by != nil {
				cert, err := c.by.Certificate(CertOptions{Names: c.names})
				if err != nil {
					t.Fatal(err)
				}
				ours.Certificates = []tls.Certificate{cert}
			}
			p.Conn = tls.Client(p.Conn, ours)
			p.r = bufio.NewReader(p.Conn)
			p.reply("220")
			p.ask("EHLO client.example", "250")
			identity := "="
			if c.identity != "" {
				identity = b64(c.identity)
			}
			want := "235"
			if c.user == "" {
				want = "535"
			}
			p.ask("AUTH EXTERNAL "+identity, want)
			p.wantUser(c.user)
		})
	}
}
