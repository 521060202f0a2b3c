package smtptest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func authConfig() Config {
	return Config{Users: map[string]string{"user": "secret"}, AuthInClear: true}
}

func TestAuth_Exchanges(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string // client and server in turn
		user  string
	}{
		{"PLAIN at once", []string{"AUTH PLAIN " + b64("\x00user\x00secret"), "235 2.7.0"}, "user"},
		{"PLAIN in two", []string{"AUTH PLAIN", "334 ", b64("\x00user\x00secret"), "235"}, "user"},
		{"PLAIN with identity", []string{"AUTH PLAIN " + b64("user\x00user\x00secret"), "235"}, "user"},
		{"PLAIN for another", []string{"AUTH PLAIN " + b64("boss\x00user\x00secret"), "535 5.7.8"}, ""},
		{"PLAIN wrong password", []string{"AUTH PLAIN " + b64("\x00user\x00wrong"), "535"}, ""},
		{"PLAIN unknown user", []string{"AUTH PLAIN " + b64("\x00nobody\x00"), "535"}, ""},
		{"PLAIN without parts", []string{"AUTH PLAIN " + b64("what"), "535"}, ""},
		{"LOGIN", []string{"AUTH LOGIN", "334 " + b64("Username:"), b64("user"), "334 " + b64("Password:"), b64("secret"), "235"}, "user"},
		{"LOGIN with the user at once", []string{"AUTH LOGIN " + b64("user"), "334 " + b64("Password:"), b64("secret"), "235"}, "user"},
		{"LOGIN wrong", []string{"AUTH LOGIN " + b64("user"), "334 " + b64("Password:"), b64("wrong"), "535"}, ""},
		{"in lower case", []string{"auth plain " + b64("\x00user\x00secret"), "235"}, "user"},
		{"cancelled", []string{"AUTH LOGIN", "334", "*", "501"}, ""},
		{"no base64", []string{"AUTH LOGIN", "334", "!", "501"}, ""},
		{"no base64 at once", []string{"AUTH PLAIN !", "501"}, ""},
		{"empty", []string{"AUTH PLAIN =", "535"}, ""},
		{"too long", []string{"AUTH LOGIN", "334", strings.Repeat("A", 20_000), "500"}, ""},
		{"unknown mechanism", []string{"AUTH FROB", "504"}, ""},
		{"no mechanism", []string{"AUTH", "501"}, ""},
		{"again", []string{"AUTH LOGIN", "334", "*", "501", "AUTH PLAIN " + b64("\x00user\x00secret"), "235"}, "user"},
		{"twice", []string{"AUTH PLAIN " + b64("\x00user\x00secret"), "235", "AUTH PLAIN", "503"}, "user"},
		{"inside a transaction", []string{"MAIL FROM:<a@b>", "250", "AUTH PLAIN", "503", "RSET", "250"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := memory(t, authConfig())
			p := greet(t, s)
			p.ask("EHLO client.example", "250")
			for i := 0; i < len(c.lines); i += 2 {
				p.ask(c.lines[i], c.lines[i+1])
			}
			p.ask("MAIL FROM:<from@example.org>", "250")
			p.ask("RCPT TO:<to@example.net>", "250")
			p.say("BDAT 0 LAST\r\n")
			p.reply("250")
			if m := s.Messages(); len(m) != 1 || m[0].Auth != c.user {
				t.Errorf("messages: %+v, want the user %q", m, c.user)
			}
			for _, e := range s.Transcript() {
				for _, secret := range []string{"secret", b64("secret"), b64("\x00user\x00secret"), b64("Username:")} {
					if strings.Contains(e.String(), secret) {
						t.Errorf("the transcript shows %v", e)
					}
				}
			}
		})
	}
}

func TestAuth_NeedsEHLOAndTLS(t *testing.T) {
	cfg := authConfig()
	cfg.AuthInClear = false
	p := greet(t, memory(t, cfg))
	p.ask("AUTH PLAIN", "503")
	p.ask("EHLO client.example", "250 SIZE")
	p.ask("AUTH PLAIN "+b64("\x00user\x00secret"), "538 5.7.11")
}

// askTwice ends with a challenge, as SCRAM does.
type askTwice struct {
	c *Conn
	n int
}

func (a *askTwice) Next(response []byte) ([]byte, bool, error) {
	a.n++
	switch {
	case a.n == 1 && response == nil:
		return []byte("first"), false, nil
	case a.n == 2 && string(response) == "answer":
		a.c.SetUser("someone")
		return []byte("last"), true, nil
	}
	return nil, false, errors.New("wrong")
}

func TestAuth_OwnMechanism(t *testing.T) {
	cfg := Config{Auth: map[string]func(*Conn) sasl.Server{
		"X-TWICE": func(c *Conn) sasl.Server { return &askTwice{c: c} },
	}}
	s := memory(t, cfg)
	p := greet(t, s)
	if lines := p.ask("EHLO client.example", "250 "); lines[len(lines)-1] != "250 AUTH X-TWICE" {
		t.Errorf("offers %q", lines)
	}
	p.ask("AUTH X-TWICE "+b64("early"), "535")
	p.ask("AUTH X-TWICE", "334 "+b64("first"))
	p.ask(b64("answer"), "334 "+b64("last"))
	p.ask("", "235")
	p.ask("MAIL FROM:<from@example.org>", "250")
	p.ask("RCPT TO:<to@example.net>", "250")
	p.ask("BDAT 0 LAST", "250")
	if m := s.Messages(); len(m) != 1 || m[0].Auth != "someone" {
		t.Errorf("messages: %+v", m)
	}
}

func TestAuth_ReplyOfOnesOwn(t *testing.T) {
	for _, c := range []struct {
		reply AuthReply
		lines []string
		user  string
	}{
		{"454 4.7.0 try later", []string{"454 4.7.0 try later"}, ""},
		{"454 4.7.0 try later\r\n", []string{"454 4.7.0 try later"}, ""},
		{"535-no\r\n535 never", []string{"535-no", "535 never"}, ""},
		{"250 ok", []string{"250 ok"}, "user"},
		{"235", []string{"235"}, "user"},
	} {
		cfg := Config{Auth: map[string]func(*Conn) sasl.Server{"PLAIN": func(conn *Conn) sasl.Server {
			return sasl.NewPlainServer(func(_, user, _ string) error {
				conn.SetUser(user)
				return fmt.Errorf("the directory: %w", c.reply)
			})
		}}}
		p := greet(t, memory(t, cfg))
		p.ask("EHLO client.example", "250")
		p.say("AUTH PLAIN " + b64("\x00user\x00secret") + "\r\n")
		p.want(c.lines...)
		p.wantUser(c.user)
		again := "503 5.5.1"
		if c.user == "" {
			again = "334"
		}
		p.ask("AUTH PLAIN", again)
	}
}

// The line of EHLO's answer is one thing, what works another.
func TestAuth_OwnLineIsTheOnlyOne(t *testing.T) {
	for _, c := range []struct {
		keywords []string
		want     []string // the lines of AUTH
	}{
		{nil, []string{"AUTH LOGIN PLAIN"}},
		{[]string{"AUTHENTIC"}, []string{"AUTHENTIC", "AUTH LOGIN PLAIN"}},
		{[]string{"AUTH"}, []string{"AUTH"}},
		{[]string{"AUTH "}, []string{"AUTH "}},
		{[]string{"auth GSSAPI"}, []string{"auth GSSAPI"}},
		{[]string{"AUTH=LOGIN"}, []string{"AUTH=LOGIN"}},
		{[]string{"AUTH=LOGIN", "AUTH LOGIN"}, []string{"AUTH=LOGIN", "AUTH LOGIN"}},
	} {
		cfg := authConfig()
		cfg.Keywords = c.keywords
		p := greet(t, memory(t, cfg))
		var got []string
		for _, line := range p.ask("EHLO client.example", "250") {
			if line = line[4:]; strings.HasPrefix(strings.ToUpper(line), "AUTH") {
				got = append(got, line)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: offers %q", c.keywords, got)
		}
		p.ask("AUTH PLAIN "+b64("\x00user\x00secret"), "235")
	}
}

func TestAuth_FaultySteps(t *testing.T) {
	for _, c := range []struct {
		name string
		step Step
		play func(*peer)
		want []string // commands
	}{
		{"334 to a whole exchange", Say("334 "), func(p *peer) {
			p.ask("AUTH PLAIN "+b64("\x00user\x00secret"), "334")
			p.ask("*", "501")
			p.ask("NOOP", "250")
		}, []string{"EHLO x", "AUTH PLAIN <redacted>", "NOOP"}},
		{"endless challenges", func(c *Conn) {
			for c.Reply(334, "") == nil {
				if _, err := c.ReadLine(); err != nil {
					return
				}
			}
		}, func(p *peer) {
			for range 100 {
				p.ask("AUTH PLAIN", "334")
			}
		}, nil},
		{"235 without asking", Say("235 come in"), func(p *peer) {
			p.ask("AUTH PLAIN", "235")
			p.ask("AUTH PLAIN", "235")
		}, []string{"EHLO x", "AUTH PLAIN", "AUTH PLAIN"}},
		{"535 and more", SayRaw("535 no\r\n235 yes\r\n"), func(p *peer) {
			p.ask("AUTH PLAIN", "535")
			p.reply("235")
			p.ask(b64("secret that went astray"), "500")
		}, []string{"EHLO x", "AUTH PLAIN", "<redacted>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := authConfig()
			cfg.On = map[string]Step{"AUTH": c.step}
			s := memory(t, cfg)
			p := greet(t, s)
			p.ask("EHLO x", "250")
			c.play(p)
			if c.want != nil {
				wantCommands(t, s, c.want...)
			}
		})
	}
}
