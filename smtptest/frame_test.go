package smtptest

import (
	"strings"
	"testing"
)

func TestFollow_AStepsOwnReplyIsBelieved(t *testing.T) {
	for _, c := range []struct {
		name string
		on   map[string]Step
		play func(p *peer)
		sent int // messages
	}{
		{"EHLO", map[string]Step{"EHLO": Say("250-mine\r\n250 SIZE")}, func(p *peer) {
			p.ask("EHLO client.example", "250 SIZE")
			p.ask("MAIL FROM:<a@example.org>", "250")
		}, 0},
		{"EHLO refused", map[string]Step{"EHLO": Say("502 no")}, func(p *peer) {
			p.ask("EHLO client.example", "502")
			p.ask("MAIL FROM:<a@example.org>", "503")
		}, 0},
		{"MAIL and RCPT", map[string]Step{"MAIL": Say("250 mine"), "RCPT": Say("251 will forward")}, func(p *peer) {
			p.transaction2("250 mine", "251 will")
			p.ask("DATA", "354")
			p.ask("hello\r\n.", "250")
		}, 1},
		{"RCPT refused", map[string]Step{"RCPT": Say("550 no")}, func(p *peer) {
			p.transaction2("250", "550")
			p.ask("DATA", "554")
		}, 0},
		{"DATA", map[string]Step{"DATA": Say("354 mine")}, func(p *peer) {
			p.transaction()
			p.ask("DATA", "354 mine")
			p.ask("QUIT\r\n.", "250")
		}, 1},
		{"DATA without a recipient", map[string]Step{"DATA": Say("354 mine")}, func(p *peer) {
			p.ask("EHLO client.example", "250")
			p.ask("MAIL FROM:<a@example.org>", "250")
			p.ask("DATA", "354 mine")
			p.ask(".", "554")
		}, 0},
		{"DATA refused", map[string]Step{"DATA": Say("451 later")}, func(p *peer) {
			p.transaction()
			p.ask("DATA", "451")
		}, 0},
		{"content accepted", map[string]Step{"CONTENT": Say("250 mine")}, func(p *peer) {
			p.transaction()
			p.ask("DATA", "354")
			p.ask("hello\r\n.", "250 mine")
		}, 1},
		{"content refused", map[string]Step{"CONTENT": Say("554 no")}, func(p *peer) {
			p.transaction()
			p.ask("DATA", "354")
			p.ask("hello\r\n.", "554 no")
		}, 0},
		{"BDAT", map[string]Step{"BDAT": Say("250 mine")}, func(p *peer) {
			p.transaction()
			p.say("BDAT 6\r\nNOOP\r\n")
			p.reply("250 mine")
			p.ask("BDAT 0 LAST", "250 mine")
		}, 1},
		{"BDAT refused, its content read over", map[string]Step{"BDAT": Sequence(Say("451 later"), Usual())}, func(p *peer) {
			p.transaction()
			p.say("BDAT 6\r\nNOOP\r\n")
			p.reply("451")
			p.ask("BDAT 0 LAST", "503") // only RSET helps now
		}, 0},
		{"BDAT unknown, its content commands", map[string]Step{"BDAT": Say("502 what?")}, func(p *peer) {
			p.transaction()
			p.say("BDAT 6\r\nFROB\r\n")
			p.reply("502 what?")
			p.reply("500")
		}, 0},
		{"RSET", map[string]Step{"RSET": Say("250 mine")}, func(p *peer) {
			p.transaction()
			p.ask("RSET", "250 mine")
			p.ask("DATA", "503")
		}, 0},
		{"QUIT", map[string]Step{"QUIT": Say("221 mine")}, func(p *peer) {
			p.ask("QUIT", "221 mine")
			p.end()
		}, 0},
		{"by hand", map[string]Step{"DATA": func(c *Conn) {
			c.Reply(354, "by hand")
			content, _ := c.ReadContent()
			c.Reply(250, "got "+string(content))
		}}, func(p *peer) {
			p.transaction()
			p.ask("DATA", "354 by hand")
			p.ask("..x\r\n.", "250 got .x")
		}, 0},
		{"chunk by hand", map[string]Step{"BDAT": func(c *Conn) {
			content, _ := c.ReadContent()
			c.Reply(552, "no "+string(content))
		}}, func(p *peer) {
			p.say("BDAT 4\r\nNOOP")
			p.reply("552 no NOOP")
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := memory(t, Config{On: c.on})
			p := greet(t, s)
			c.play(p)
			if n := len(s.Messages()); n != c.sent {
				t.Errorf("%d messages, want %d", n, c.sent)
			}
		})
	}
}

func TestFollow_STARTTLS(t *testing.T) {
	s := memory(t, Config{Mode: StartTLS, On: map[string]Step{"STARTTLS": Say("220 mine")}})
	p := greet(t, s)
	p.ask("STARTTLS", "220 mine")
	if err := p.secure(s); err != nil {
		t.Fatal(err)
	}
	p.ask("EHLO client.example", "250")
}

func TestFollow_AMessageIsRecordedBeforeAStepsReply(t *testing.T) {
	stay := func(c *Conn) { <-c.Context().Done() }
	for moment, content := range map[string]string{"CONTENT": "DATA\r\n.\r\n", "BDAT": "BDAT 2 LAST\r\nhi"} {
		s := memory(t, on(moment, Then(Say("250 mine"), stay)))
		p := greet(t, s)
		p.transaction()
		p.say(content)
		for !strings.HasSuffix(p.line(), " mine") {
		}
		if n := len(s.Messages()); n != 1 {
			t.Errorf("%s: %d messages at the reply", moment, n)
		}
	}
}

func TestFirstReply(t *testing.T) {
	for text, want := range map[string]int{
		"250 ok\r\n":             250,
		"250\r\n":                250,
		"250-a\r\n550 b\r\n":     550,
		"354 go\r\n250 done\r\n": 354,
		"250-a\r\n":              0,
		"250 cut":                0,
		"25\r\n":                 0,
		"x50 ok\r\n":             0,
		"220-a\n220 b\n":         220,
		"":                       0,
	} {
		if got := firstReply(text); got != want {
			t.Errorf("firstReply(%q) = %d, want %d", text, got, want)
		}
	}
}

// transaction2 is transaction with other answers.
func (p *peer) transaction2(mail, rcpt string) {
	p.t.Helper()
	p.ask("EHLO client.example", "250")
	p.ask("MAIL FROM:<from@example.org>", mail)
	p.ask("RCPT TO:<to@example.net>", rcpt)
}
