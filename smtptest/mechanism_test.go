package smtptest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"
)

// allMechanisms are those that the server knows, in the order in which it offers
// them.
var allMechanisms = []string{"ANONYMOUS", "CRAM-MD5", "EXTERNAL", "LOGIN", "OAUTHBEARER", "PLAIN",
	"SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "XOAUTH2"}

func everyMechanism() Config {
	return Config{
		Mode:       Implicit,
		Mechanisms: allMechanisms,
		Users:      map[string]string{"user": "secret", "us,er=": "other"},
		Tokens:     map[string]string{"user": "secret", "us,er=": "other"},
	}
}

// inside connects a peer within TLS that has said EHLO.
func inside(t *testing.T, s *Server) *peer {
	t.Helper()
	p := dial(t, s)
	if err := p.secure(s); err != nil {
		t.Fatal(err)
	}
	p.reply("220")
	p.ask("EHLO client.example", "250")
	return p
}

// scripted is a client that says what it was given.
type scripted struct {
	name      string
	responses []string // the first one at once, unless it is "-"
}

func (c *scripted) Start() (string, []byte, error) {
	first, _ := c.Next(nil)
	if string(first) == "-" {
		return c.name, nil, nil
	}
	return c.name, first, nil
}

func (c *scripted) Next([]byte) ([]byte, error) {
	if len(c.responses) == 0 {
		return nil, errors.New("nothing left to say")
	}
	next := c.responses[0]
	c.responses = c.responses[1:]
	return []byte(next), nil
}

// authenticate plays AUTH to its end and returns the last reply, and each base64
// text that went one way or the other. A client's error cancels.
func (p *peer) authenticate(client sasl.Client) (reply string, payloads []string) {
	p.t.Helper()
	name, response, err := client.Start()
	if err != nil {
		p.t.Fatal(err)
	}
	line := "AUTH " + name
	encode := func(b []byte) string {
		text := base64.StdEncoding.EncodeToString(b)
		payloads = append(payloads, text)
		return text
	}
	switch {
	case response == nil:
	case len(response) == 0:
		line += " ="
	default:
		line += " " + encode(response)
	}
	for {
		lines := p.ask(line, "")
		reply = lines[len(lines)-1]
		text, asked := strings.CutPrefix(reply, "334 ")
		if !asked {
			return reply, payloads
		}
		payloads = append(payloads, text)
		challenge, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			p.t.Fatalf("server said %q", reply)
		}
		line = "*"
		if response, err = client.Next(challenge); err == nil {
			line = encode(response)
		}
	}
}

// wantUser sends a message and wants it to be this user's.
func (p *peer) wantUser(user string) {
	p.t.Helper()
	p.ask("MAIL FROM:<from@example.org>", "250")
	p.ask("RCPT TO:<to@example.net>", "250")
	p.ask("BDAT 0 LAST", "250")
	m := p.server.Messages()
	if got := m[len(m)-1].Auth; got != user {
		p.t.Errorf("the message is of %q, want %q", got, user)
	}
}

// wantSecretsHidden wants no payload in transcript and commands.
func wantSecretsHidden(t *testing.T, s *Server, payloads []string) {
	t.Helper()
	var shown []string
	for _, e := range s.Transcript() {
		shown = append(shown, e.Text)
	}
	for _, text := range append(shown, s.Commands()...) {
		for _, payload := range append(payloads, "secret") {
			if payload != "" && strings.Contains(text, payload) {
				t.Errorf("shown: %q", text)
			}
		}
	}
}

// clientOf makes a client for any mechanism; secret is a password or a token.
func clientOf(p *peer, name, user, secret string) sasl.Client {
	escaped := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user)
	switch name {
	case "ANONYMOUS":
		return sasl.NewAnonymousClient("trace")
	case "EXTERNAL":
		return sasl.NewExternalClient(user)
	case "PLAIN":
		return sasl.NewPlainClient("", user, secret)
	case "LOGIN":
		return &scripted{name, []string{"-", user, secret}}
	case "CRAM-MD5":
		return &cramClient{user: user, password: secret}
	case "OAUTHBEARER":
		return &scripted{name, []string{"n,a=" + escaped + ",\x01host=h\x01port=25\x01auth=Bearer " + secret + "\x01\x01", "\x01"}}
	case "XOAUTH2":
		return &scripted{name, []string{"user=" + user + "\x01auth=Bearer " + secret + "\x01\x01", ""}}
	}
	return newSCRAMClient(p, name, user, secret, scram.ChannelBindingTLSExporter)
}

func TestMechanism_RightSecretLetsIn(t *testing.T) {
	for _, name := range allMechanisms {
		for user, secret := range everyMechanism().Users {
			t.Run(name+" "+user, func(t *testing.T) {
				s := memory(t, everyMechanism())
				p := inside(t, s)
				reply, payloads := p.authenticate(clientOf(p, name, user, secret))
				if reply != "235 2.7.0 authenticated" {
					t.Fatalf("server said %q", reply)
				}
				if name == "ANONYMOUS" {
					user = "anonymous"
				}
				p.wantUser(user)
				wantSecretsHidden(t, s, payloads)
			})
		}
	}
}

func TestMechanism_WrongSecretAndUnknownUserAreRefused(t *testing.T) {
	for _, name := range allMechanisms {
		if name == "ANONYMOUS" || name == "EXTERNAL" {
			continue // neither has a secret
		}
		for _, c := range [][2]string{{"user", "wrong"}, {"user", "other"}, {"nobody", "secret"}, {"nobody", ""}} {
			t.Run(fmt.Sprint(name, c), func(t *testing.T) {
				s := memory(t, everyMechanism())
				p := inside(t, s)
				reply, payloads := p.authenticate(patient{clientOf(p, name, c[0], c[1])})
				if reply != "535 5.7.8 authentication failed" {
					t.Errorf("server said %q", reply)
				}
				p.wantUser("")
				wantSecretsHidden(t, s, payloads)
				if reply, _ := p.authenticate(clientOf(p, name, "user", "secret")); reply[:3] != "235" {
					t.Errorf("the next attempt got %q", reply)
				}
			})
		}
	}
}

// patient answers the challenge that its client does not like with nothing, to
// hear the last reply.
type patient struct{ sasl.Client }

func (c patient) Next(challenge []byte) ([]byte, error) {
	response, err := c.Client.Next(challenge)
	if err != nil {
		return []byte{}, nil
	}
	return response, nil
}

func TestMechanism_CancelEmptyAndNoBase64(t *testing.T) {
	empty := map[string]string{"ANONYMOUS": "235", "LOGIN": "334 " + b64("Password:"), "CRAM-MD5": "501 5.7.0"}
	for _, name := range allMechanisms {
		t.Run(name, func(t *testing.T) {
			s := memory(t, everyMechanism())
			for _, line := range []string{"*", "!", "="} { // "=" means something in AUTH only
				p := inside(t, s)
				p.ask("AUTH "+name, "334 ")
				p.ask(line, "501 5.")
				p.wantUser("")
			}
			want := empty[name]
			if want == "" {
				want = "535"
			}
			inside(t, s).ask("AUTH "+name+" =", want)
			if name != "ANONYMOUS" && name != "LOGIN" && name != "CRAM-MD5" {
				p := inside(t, s)
				p.ask("AUTH "+name, "334 ")
				p.ask("", "535")
			}
		})
	}
}

func TestMechanism_OfferedWhereTheyMayBe(t *testing.T) {
	users := map[string]string{"user": "secret"}
	for name, c := range map[string]struct {
		cfg            Config
		clear, secured string
	}{
		"nothing":     {Config{}, "", ""},
		"none":        {Config{Users: users, Mechanisms: []string{}, AuthInClear: true}, "", ""},
		"users":       {Config{Users: users}, "", "LOGIN PLAIN"},
		"tokens":      {Config{Tokens: users}, "", "OAUTHBEARER XOAUTH2"},
		"in clear":    {Config{Users: users, Tokens: users, AuthInClear: true}, "LOGIN OAUTHBEARER PLAIN XOAUTH2", "LOGIN OAUTHBEARER PLAIN XOAUTH2"},
		"any case":    {Config{Mechanisms: []string{"scram-sha-1", "SCRAM-SHA-1"}}, "SCRAM-SHA-1", "SCRAM-SHA-1"},
		"all":         {Config{Mechanisms: allMechanisms}, "ANONYMOUS CRAM-MD5 EXTERNAL SCRAM-SHA-1 SCRAM-SHA-256", strings.Join(allMechanisms, " ")},
		"all, clear":  {Config{Mechanisms: allMechanisms, AuthInClear: true}, "ANONYMOUS CRAM-MD5 EXTERNAL LOGIN OAUTHBEARER PLAIN SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2", strings.Join(allMechanisms, " ")},
		"one's own":   {Config{Auth: map[string]func(*Conn) sasl.Server{"X-OWN": nil}, Mechanisms: []string{"PLAIN"}}, "X-OWN", "PLAIN X-OWN"},
		"listed, own": {Config{Auth: map[string]func(*Conn) sasl.Server{"X-OWN": func(*Conn) sasl.Server { return nil }}, Mechanisms: []string{"X-OWN"}}, "X-OWN", "X-OWN"},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Mode = StartTLS
			s := memory(t, c.cfg)
			p := greet(t, s)
			offered := func() string {
				var list []string
				for _, line := range p.ask("EHLO client.example", "250") {
					if mechanisms, ok := strings.CutPrefix(line[4:], "AUTH "); ok {
						list = append(list, mechanisms)
					}
				}
				return strings.Join(list, "|")
			}
			if got := offered(); got != c.clear {
				t.Errorf("in clear: %q, want %q", got, c.clear)
			}
			for _, name := range s.cfg.Mechanisms {
				if !slices.Contains(strings.Fields(c.clear), name) {
					p.ask("AUTH "+name, "538 5.7.11")
				}
			}
			p.ask("STARTTLS", "220")
			if err := p.secure(s); err != nil {
				t.Fatal(err)
			}
			if got := offered(); got != c.secured {
				t.Errorf("within TLS: %q, want %q", got, c.secured)
			}
			p.ask("AUTH GSSAPI", "504")
		})
	}
}

func TestMechanism_UnknownNameIsAnError(t *testing.T) {
	cfg := Config{Mechanisms: []string{"PLAIN", "SCRAM-MD5"}}
	if _, err := NewServer(cfg); err == nil || !strings.Contains(err.Error(), `"SCRAM-MD5"`) {
		t.Errorf("NewServer: %v", err)
	}
	if _, err := memory(t, cfg).DialContext(t.Context(), "tcp", "mail.example:25"); err == nil || !strings.Contains(err.Error(), `"SCRAM-MD5"`) {
		t.Errorf("dial: %v", err)
	}
}
