package smtptest

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSession_Replies(t *testing.T) {
	const hello = "EHLO client.example"
	const mail = "MAIL FROM:<from@example.org>"
	const rcpt = "RCPT TO:<to@example.net>"
	for _, c := range []struct {
		name    string
		cfg     Config
		before  []string // answered 250
		command string
		want    string
	}{
		{"EHLO without a name", Config{}, nil, "EHLO", "501 "},
		{"HELO", Config{Name: "mx.test"}, nil, "HELO client.example", "250 mx.test"},
		{"verbs in any case", Config{}, nil, "nOOp", "250 "},
		{"NOOP with words", Config{}, nil, "NOOP what ever", "250 "},
		{"unknown", Config{}, []string{hello}, "FROB", "500 5.5.2 "},
		{"no enhanced code before EHLO", Config{}, nil, "FROB", "500 unknown"},
		{"no enhanced code where not offered", Config{Keywords: []string{}}, []string{hello}, "FROB", "500 unknown"},
		{"empty line", Config{}, nil, "", "500 "},
		{"long line", Config{}, nil, "NOOP " + strings.Repeat("x", 2000), "500 "},
		{"very long line", Config{}, nil, "NOOP " + strings.Repeat("x", 100_000), "500 "},
		{"VRFY", Config{}, nil, "VRFY someone", "252 "},
		{"EXPN", Config{}, nil, "EXPN list", "502 "},
		{"HELP", Config{}, nil, "HELP", "214 "},
		{"RSET with words", Config{}, nil, "RSET now", "501 "},
		{"QUIT with words", Config{}, nil, "QUIT now", "501 "},
		{"STARTTLS where there is none", Config{}, []string{hello}, "STARTTLS", "502 "},
		{"MAIL before EHLO", Config{}, nil, mail, "503 "},
		{"MAIL twice", Config{}, []string{hello, mail}, mail, "503 "},
		{"MAIL after RSET", Config{}, []string{hello, mail, "RSET"}, mail, "250 2.1.0 "},
		{"MAIL after EHLO again", Config{}, []string{hello, mail, hello}, mail, "250 "},
		{"MAIL without brackets", Config{}, []string{hello}, "MAIL FROM:a@b", "501 "},
		{"MAIL with a parameter", Config{}, []string{hello}, mail + " BODY=8BITMIME RET=HDRS", "250 "},
		{"MAIL with an unknown parameter", Config{}, []string{hello}, mail + " FROB=1", "555 "},
		{"MAIL with one not offered", Config{Keywords: []string{"DSN"}}, []string{hello}, mail + " BODY=8BITMIME", "555 "},
		{"MAIL with one after HELO", Config{}, []string{"HELO client.example"}, mail + " SIZE=1", "555 "},
		{"MAIL too large", Config{MaxMessage: 99}, []string{hello}, mail + " SIZE=100", "552 "},
		{"MAIL just fits", Config{MaxMessage: 100}, []string{hello}, mail + " SIZE=100", "250 "},
		{"MAIL with odd size", Config{}, []string{hello}, mail + " SIZE=-1", "501 "},
		{"MAIL in UTF-8", Config{}, []string{hello}, "MAIL FROM:<ü@example.org>", "553 "},
		{"MAIL with SMTPUTF8", Config{}, []string{hello}, "MAIL FROM:<ü@example.org> SMTPUTF8", "250 "},
		{"RCPT before MAIL", Config{}, []string{hello}, rcpt, "503 "},
		{"RCPT empty", Config{}, []string{hello, mail}, "RCPT TO:<>", "501 "},
		{"RCPT with MAIL's parameter", Config{}, []string{hello, mail}, rcpt + " RET=FULL", "555 "},
		{"RCPT with its own", Config{}, []string{hello, mail}, rcpt + " NOTIFY=NEVER", "250 2.1.5 "},
		{"DATA before MAIL", Config{}, []string{hello}, "DATA", "503 "},
		{"DATA without recipients", Config{}, []string{hello, mail}, "DATA", "554 "},
		{"DATA with words", Config{}, []string{hello, mail, rcpt}, "DATA now", "501 "},
		{"DATA for BINARYMIME", Config{Keywords: []string{"8BITMIME", "BINARYMIME", "CHUNKING"}},
			[]string{hello, mail + " BODY=BINARYMIME", rcpt}, "DATA", "503 "},
		{"BDAT where not offered", Config{Keywords: []string{}}, []string{hello, mail, rcpt}, "BDAT 0 LAST", "502 "},
		{"BDAT without a number", Config{}, []string{hello, mail, rcpt}, "BDAT LAST", "501 "},
		{"AUTH where there is none", Config{}, []string{hello}, "AUTH PLAIN AAA=", "504 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := greet(t, memory(t, c.cfg))
			for _, command := range c.before {
				p.ask(command, "250")
			}
			p.ask(c.command, c.want)
			p.ask("NOOP", "250") // the session lives
		})
	}
}

func TestSession_EHLOOffers(t *testing.T) {
	for _, c := range []struct {
		name   string
		cfg    Config
		before []string
		tls    []string // nil: no TLS
	}{
		{"zero", Config{}, []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN", "SIZE 33554432"}, nil},
		{"nothing", Config{Keywords: []string{}}, nil, nil},
		{"limit", Config{MaxMessage: 10}, []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN", "SIZE 10"}, nil},
		{"other after TLS", Config{Mode: StartTLS, Keywords: []string{"DSN"}, KeywordsTLS: []string{"SIZE"}},
			[]string{"DSN", "STARTTLS"}, []string{"SIZE"}},
		{"users only within TLS", Config{Mode: StartTLS, Keywords: []string{}, Users: map[string]string{"u": "p"}},
			[]string{"STARTTLS"}, []string{"AUTH LOGIN PLAIN"}},
		{"users in clear", Config{Keywords: []string{}, Users: map[string]string{"u": "p"}, AuthInClear: true},
			[]string{"AUTH LOGIN PLAIN"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := memory(t, c.cfg)
			p := greet(t, s)
			check := func(want []string) {
				t.Helper()
				var got []string
				for _, line := range p.ask("EHLO client.example", "250 ")[1:] {
					got = append(got, line[4:])
				}
				if !slices.Equal(got, want) {
					t.Errorf("offers %q, want %q", got, want)
				}
			}
			check(c.before)
			if c.tls != nil {
				p.ask("STARTTLS", "220")
				if err := p.secure(s); err != nil {
					t.Fatal(err)
				}
				check(c.tls)
			}
		})
	}
}

func TestSession_STARTTLSForgets(t *testing.T) {
	s := memory(t, Config{Mode: StartTLS})
	p := greet(t, s)
	p.ask("EHLO client.example", "250")
	p.ask("MAIL FROM:<in.clear@example.org>", "250")
	p.ask("STARTTLS", "220 2.0.0")
	if err := p.secure(s); err != nil {
		t.Fatal(err)
	}
	p.ask("RCPT TO:<to@example.net>", "503")
	p.ask("MAIL FROM:<from@example.org>", "503") // EHLO again first
	p.ask("EHLO client.example", "250")
	p.ask("STARTTLS", "503")
	p.ask("MAIL FROM:<from@example.org>", "250")
	if !slices.Contains(notes(s), "TLS 1.3 handshake") {
		t.Errorf("notes: %q", notes(s))
	}
}

func TestSession_STARTTLSDiscardsWhatWasSentAhead(t *testing.T) {
	s := memory(t, Config{Mode: StartTLS})
	p := greet(t, s)
	p.ask("EHLO client.example", "250")
	p.say("STARTTLS\r\nNOOP injected\r\n")
	p.reply("220")
	if err := p.secure(s); err != nil {
		t.Fatal(err)
	}
	p.ask("EHLO client.example", "250")
	wantCommands(t, s, "EHLO client.example", "STARTTLS", "EHLO client.example")
	if !slices.Contains(notes(s), "discarded 15 octets in clear") {
		t.Errorf("notes: %q", notes(s))
	}
}

func TestSession_STARTTLSDiscardsThoughNoHandshakeFollows(t *testing.T) {
	s := memory(t, Config{Mode: StartTLS, On: map[string]Step{"TLS": func(*Conn) {}}})
	p := greet(t, s)
	p.say("STARTTLS\r\nNOOP injected\r\n")
	p.reply("220")
	p.ask("RSET", "250")
	wantCommands(t, s, "STARTTLS", "RSET")
}

func TestSession_TLSOnThePlainPort(t *testing.T) {
	s := memory(t, Config{})
	var header tls.RecordHeaderError
	if err := dial(t, s).secure(s); !errors.As(err, &header) {
		t.Errorf("handshake: %v", err)
	}
}

func TestSession_PipelinedRepliesAreOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(Config{Latency: time.Second})
		defer s.Close()
		start := time.Now()
		p := dial(t, s)
		p.SetDeadline(time.Time{})
		p.reply("220")
		p.ask("EHLO client.example", "250")
		p.say("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nRCPT TO:<c@example.net>\r\nDATA\r\n")
		segment := make([]byte, 1000)
		n, err := p.Read(segment)
		if err != nil || strings.Count(string(segment[:n]), "\r\n") != 4 {
			t.Errorf("read %q, %v, want four replies at once", segment[:n], err)
		}
		p.say("hello\r\n.\r\n")
		p.reply("250")
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("took %v, want a second for each of 4 round trips", took)
		}
		p.Close()
	})
}

func TestSession_FragmentsReplies(t *testing.T) {
	for _, c := range []struct {
		cut  Fragment
		want int
	}{{Whole, 1}, {PerLine, 2}, {PerOctet, len("250-smtptest.test greets you\r\n250 X\r\n")}} {
		s := memory(t, Config{Fragment: c.cut, Keywords: []string{"X"}})
		p := greet(t, s)
		p.say("EHLO client.example\r\n")
		reads, got, buf := 0, "", make([]byte, 1000)
		for !strings.HasSuffix(got, "250 X\r\n") {
			n, err := p.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got += string(buf[:n])
			reads++
		}
		if reads != c.want {
			t.Errorf("fragment %d: %d reads, want %d", c.cut, reads, c.want)
		}
	}
}

func TestSession_LFEndsALine(t *testing.T) {
	s := memory(t, Config{})
	p := greet(t, s)
	p.say("NOOP\n")
	p.reply("250")
	wantCommands(t, s, "NOOP")
}

func TestScript_PlaysByHand(t *testing.T) {
	done := make(chan string, 1)
	s := memory(t, Config{Script: func(c *Conn) {
		c.Reply(220, "by", "hand")
		line, _ := c.ReadLine()
		done <- line
		c.Usual()
		c.Reply(421, "enough")
	}})
	p := dial(t, s)
	p.want("220-by", "220 hand")
	p.ask("HELO client.example", "250 smtptest.test")
	p.want("421 enough")
	p.end()
	if line := <-done; line != "HELO client.example" {
		t.Errorf("ReadLine returned %q", line)
	}
}

func TestScript_ServeGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		script func(*Conn)
		mode   TLSMode
		want   string
	}{
		"from the greeting": {func(c *Conn) { c.Serve() }, Plain, "220 smtptest.test"},
		"from a command":    {func(c *Conn) { c.Reply(220, "mine"); c.Serve() }, Plain, "220 mine"},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, memory(t, Config{Script: c.script, Mode: c.mode}))
			p.reply(c.want)
			p.ask("EHLO client.example", "250")
			p.ask("QUIT", "221")
			p.end()
		})
	}
}

func TestScript_DoesTLSItself(t *testing.T) {
	s := memory(t, Config{Script: func(c *Conn) {
		if _, ok := c.TLS(); ok {
			t.Error("TLS before the handshake")
		}
		if c.StartTLS() != nil {
			return
		}
		if state, ok := c.TLS(); !ok || !state.HandshakeComplete {
			t.Error("no TLS after the handshake")
		}
		if c.StartTLS() == nil {
			t.Error("TLS within TLS")
		}
		c.Write("220 within TLS\r\n")
	}})
	p := dial(t, s)
	if err := p.secure(s); err != nil {
		t.Fatal(err)
	}
	p.want("220 within TLS")
	p.end()
}
