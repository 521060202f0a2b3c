package smtptest

import (
	"crypto/tls"
	"encoding/base64"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// scramClient is xdg's client as a sasl.Client.
type scramClient struct {
	name string
	talk *scram.ClientConversation
}

func (c *scramClient) Start() (string, []byte, error) {
	first, err := c.talk.Step("")
	return c.name, []byte(first), err
}

func (c *scramClient) Next(challenge []byte) ([]byte, error) {
	response, err := c.talk.Step(string(challenge))
	return []byte(response), err
}

// newSCRAMClient binds to the peer's TLS for a -PLUS.
func newSCRAMClient(p *peer, name, user, password string, kind scram.ChannelBindingType) *scramClient {
	p.t.Helper()
	hash, plus, _ := scramOf(name)
	client, err := hash.NewClient(user, password, "")
	if err != nil {
		p.t.Fatal(err)
	}
	client.WithMinIterations(1)
	if !plus {
		return &scramClient{name, client.NewConversation()}
	}
	return &scramClient{name, client.NewConversationWithChannelBinding(clientBinding(p, kind))}
}

func TestSCRAM_RFC5802AndRFC7677(t *testing.T) {
	for _, c := range []struct {
		name, salt, first, nonce, challenge, final, last string
	}{
		{"SCRAM-SHA-1", "QSXCR+Q6sek8bf92", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
			"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
			"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
		{"SCRAM-SHA-256", "W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
			"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := memory(t, Config{Users: map[string]string{"user": "pencil"}})
			salt, _ := base64.StdEncoding.DecodeString(c.salt)
			hash, _, _ := scramOf(c.name)
			client, _ := hash.NewClient("user", "pencil", "")
			keys, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: 4096})
			if err != nil {
				t.Fatal(err)
			}
			server.scram.keys = map[scramKey]scram.StoredCredentials{{c.name, "user"}: keys}
			conn := &Conn{server: server}
			s := newSCRAMServer(conn, c.name, false)
			s.server.WithNonceGenerator(func() string { return c.nonce })
			for _, step := range []struct{ response, challenge string }{{c.first, c.challenge}, {c.final, c.last}} {
				challenge, done, err := s.Next([]byte(step.response))
				if string(challenge) != step.challenge || done != (step.challenge == c.last) || err != nil {
					t.Fatalf("challenge %q, %v, %v", challenge, done, err)
				}
			}
			if conn.session.user != "user" {
				t.Errorf("user %q", conn.session.user)
			}
		})
	}
}

// The dialogue that RFC 4954 asks for, as its 235 carries no data.
func TestSCRAM_SignatureComesInAChallenge(t *testing.T) {
	for _, last := range []struct{ line, want, user string }{
		{"", "235 2.7.0", "user"},
		{b64("too much"), "501 5.7.0", ""},
		{"*", "501 5.7.0", ""},
	} {
		p := inside(t, memory(t, everyMechanism()))
		client := newSCRAMClient(p, "SCRAM-SHA-256", "user", "secret", "")
		var challenge []byte
		for _, want := range []string{"r=", "v="} {
			response, err := client.talk.Step(string(challenge))
			if err != nil {
				t.Fatal(err)
			}
			line := b64(response)
			if want == "r=" {
				line = "AUTH SCRAM-SHA-256 " + line
			}
			challenge, _ = base64.StdEncoding.DecodeString(p.ask(line, "334 ")[0][4:])
			if !strings.HasPrefix(string(challenge), want) {
				t.Fatalf("challenge %q, want %s…", challenge, want)
			}
		}
		if _, err := client.talk.Step(string(challenge)); err != nil || !client.talk.Valid() {
			t.Errorf("the server's signature: %v", err)
		}
		p.ask(last.line, last.want)
		p.wantUser(last.user)
	}
}

func TestSCRAM_RefusesWithAnErrorValue(t *testing.T) {
	const bare = "n=user,r=nonce"
	for _, c := range []struct {
		name, mechanism, first string
		want                   string // the error value; "": 535 at once
	}{
		{"downgrade", "SCRAM-SHA-1", "y,," + bare, "e=server-does-support-channel-binding"},
		{"-PLUS without binding", "SCRAM-SHA-1-PLUS", "n,," + bare, "e=server-does-support-channel-binding"},
		{"-PLUS with y", "SCRAM-SHA-1-PLUS", "y,," + bare, "e=server-does-support-channel-binding"},
		{"binding without -PLUS", "SCRAM-SHA-1", "p=tls-exporter,," + bare, "e=channel-binding-not-supported"},
		{"unknown binding", "SCRAM-SHA-256-PLUS", "p=tls-magic,," + bare, "e=unsupported-channel-binding-type"},
		{"binding that TLS 1.3 has not", "SCRAM-SHA-256-PLUS", "p=tls-unique,," + bare, "e=unsupported-channel-binding-type"},
		{"unknown user", "SCRAM-SHA-1", "n,,n=nobody,r=nonce", "e=unknown-user"},
		{"bad user", "SCRAM-SHA-1", "n,,n=a=b,r=nonce", "e=invalid-username-encoding"},
		{"extension", "SCRAM-SHA-1", "n,,m=x," + bare, ""},
		{"no user", "SCRAM-SHA-1", "n,,r=nonce", ""},
		{"garbage", "SCRAM-SHA-1", "hello", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := inside(t, memory(t, everyMechanism()))
			line := "AUTH " + c.mechanism + " " + b64(c.first)
			if c.want != "" {
				p.ask(line, "334 "+b64(c.want))
				line = ""
			}
			p.ask(line, "535 5.7.8")
			p.wantUser("")
		})
	}
}

func TestSCRAM_YIsRightWhereNoPlusIsOffered(t *testing.T) {
	cfg := everyMechanism()
	cfg.Mechanisms = []string{"SCRAM-SHA-1"}
	p := inside(t, memory(t, cfg))
	client, _ := scram.SHA1.NewClient("user", "secret", "")
	talk := client.NewConversationAdvertisingChannelBinding()
	if reply, _ := p.authenticate(&scramClient{"SCRAM-SHA-1", talk}); reply[:3] != "235" {
		t.Errorf("server said %q", reply)
	}
}

// Somebody on the way strips -PLUS from EHLO's answer.
func TestSCRAM_StrippedPlusIsFoundOut(t *testing.T) {
	cfg := everyMechanism()
	cfg.Keywords = []string{"AUTH SCRAM-SHA-1"}
	p := inside(t, memory(t, cfg))
	p.ask("AUTH SCRAM-SHA-1 "+b64("y,,n=user,r=nonce"), "334 "+b64("e=server-does-support-channel-binding"))
	p.ask("*", "501")
}

func TestSCRAM_NobodyActsForAnother(t *testing.T) {
	for as, want := range map[string]string{"user": "235", "boss": "535"} {
		p := inside(t, memory(t, everyMechanism()))
		client, _ := scram.SHA256.NewClient("user", "secret", as)
		reply, _ := p.authenticate(patient{&scramClient{"SCRAM-SHA-256", client.NewConversation()}})
		if reply[:3] != want {
			t.Errorf("as %s: %q", as, reply)
		}
	}
}

func TestSCRAM_IterationsAndSaltAreSaid(t *testing.T) {
	ask := func(s *Server, mechanism, user string) (salt, count string) {
		first := "n,,n=" + user + ",r=nonce"
		if isPlus(mechanism) {
			first = "p=tls-exporter" + first[1:]
		}
		challenge, _ := base64.StdEncoding.DecodeString(inside(t, s).ask("AUTH "+mechanism+" "+b64(first), "334 ")[0][4:])
		m := regexp.MustCompile(`^r=nonce[^,]{20,},s=([^,]{20,}),i=(\d+)$`).FindSubmatch(challenge)
		if m == nil {
			t.Fatalf("challenge %q", challenge)
		}
		return string(m[1]), string(m[2])
	}
	for iterations, want := range map[int]string{0: "4096", -1: "4096", 1: "1", 10_000: "10000", math.MaxInt32: "2147483647"} {
		cfg := everyMechanism()
		cfg.Users["two"] = "secret"
		cfg.Iterations = iterations
		s := memory(t, cfg)
		salt, count := ask(s, "SCRAM-SHA-1", "user")
		again, _ := ask(s, "SCRAM-SHA-1-PLUS", "user")
		other, _ := ask(s, "SCRAM-SHA-1", "two")
		elsewhere, _ := ask(memory(t, cfg), "SCRAM-SHA-1", "user")
		if count != want || salt != again || salt == other || salt == elsewhere {
			t.Errorf("i=%s, want %s; salts %s %s %s %s", count, want, salt, again, other, elsewhere)
		}
	}
}

func TestSCRAM_FewIterationsWorkManyLetNobodyIn(t *testing.T) {
	cfg := everyMechanism()
	cfg.Iterations = 1
	p := inside(t, memory(t, cfg))
	if reply, _ := p.authenticate(clientOf(p, "SCRAM-SHA-256", "user", "secret")); reply[:3] != "235" {
		t.Errorf("one iteration: %q", reply)
	}
	cfg.Iterations = maxIterations + 1
	p = inside(t, memory(t, cfg))
	reply, _ := p.authenticate(&scripted{"SCRAM-SHA-256", []string{"n,,n=user,r=nonce", "c=biws,r=nonce,p=AAAA", ""}})
	if reply[:3] != "535" {
		t.Errorf("too many iterations: %q", reply)
	}
}

// Sockets, both versions of TLS, each type of binding.
func TestSCRAM_PlusBindsToTheChannel(t *testing.T) {
	for _, c := range []struct {
		version uint16
		kind    scram.ChannelBindingType
	}{
		{tls.VersionTLS13, scram.ChannelBindingTLSExporter},
		{tls.VersionTLS13, scram.ChannelBindingTLSServerEndpoint},
		{tls.VersionTLS12, scram.ChannelBindingTLSExporter},
		{tls.VersionTLS12, scram.ChannelBindingTLSUnique},
		{tls.VersionTLS12, scram.ChannelBindingTLSServerEndpoint},
	} {
		for _, name := range []string{"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"} {
			t.Run(strings.Join([]string{tls.VersionName(c.version), string(c.kind), name}, " "), func(t *testing.T) {
				cfg := everyMechanism()
				cfg.TLS = &tls.Config{MinVersion: c.version, MaxVersion: c.version}
				s := sockets(t, cfg)
				p, q := inside(t, s), inside(t, s)
				reply, payloads := p.authenticate(newSCRAMClient(p, name, "user", "secret", c.kind))
				if reply[:3] != "235" {
					t.Fatalf("server said %q", reply)
				}
				p.wantUser("user")
				wantSecretsHidden(t, s, payloads)

				// The binding of another connection, which a man in the middle has.
				foreign := clientBinding(p, c.kind)
				if c.kind == scram.ChannelBindingTLSServerEndpoint {
					foreign.Data[0]++ // both connections end in the same certificate
				}
				hash, _, _ := scramOf(name)
				client, _ := hash.NewClient("user", "secret", "")
				talk := client.NewConversationWithChannelBinding(foreign)
				if reply, _ = q.authenticate(patient{&scramClient{name, talk}}); reply[:3] != "535" {
					t.Errorf("with a foreign binding: %q", reply)
				}
			})
		}
	}
}
