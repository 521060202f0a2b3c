package smtptest

import (
	"strings"
	"testing"
)

func TestBDAT_ChunksAreOneContent(t *testing.T) {
	for _, cut := range []Fragment{Whole, PerOctet} {
		s := memory(t, Config{Fragment: cut})
		p := greet(t, s)
		p.transaction()
		p.say("BDAT 5\r\n.\r\n.\r")
		p.reply("250 2.0.0")
		p.ask("RCPT TO:<late@example.net>", "503")
		p.ask("DATA", "503")
		p.say("bdat 7 last\r\n\nhello\n")
		p.reply("250")
		m := s.Messages()
		if len(m) != 1 || string(m[0].Content) != ".\r\n.\r\nhello\n" || m[0].Size != 12 {
			t.Errorf("messages: %+v", m)
		}
	}
}

func TestBDAT_PipelinedInOneWrite(t *testing.T) {
	s := memory(t, Config{})
	p := greet(t, s)
	p.ask("EHLO client.example", "250")
	p.say("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nBDAT 6\r\nQUIT\r\nBDAT 0 LAST\r\nNOOP\r\n")
	for range 5 {
		p.reply("250")
	}
	if m := s.Messages(); len(m) != 1 || string(m[0].Content) != "QUIT\r\n" {
		t.Errorf("messages: %+v", m)
	}
}

func TestBDAT_RefusedContentIsReadOver(t *testing.T) {
	p := greet(t, memory(t, Config{}))
	p.ask("EHLO client.example", "250")
	p.say("BDAT 6\r\nQUIT\r\n")
	p.reply("503")
	p.ask("MAIL FROM:<a@example.org>", "250")
	p.say("BDAT 6 LAST\r\nQUIT\r\n")
	p.reply("554")
	p.ask("NOOP", "250")
}

func TestBDAT_TooLarge(t *testing.T) {
	s := memory(t, Config{MaxMessage: 100_000})
	p := greet(t, s)
	p.transaction()
	chunk := strings.Repeat("x", 60_000)
	p.say("BDAT 60000\r\n" + chunk)
	p.reply("250")
	p.say("BDAT 60000\r\n" + chunk)
	p.reply("552")
	p.say("BDAT 60000 LAST\r\n" + chunk)
	p.reply("503") // RFC 3030, section 4.2: only RSET helps
	p.ask("RSET", "250")
	p.transaction()
	p.say("BDAT 60000 LAST\r\n" + chunk)
	p.reply("250")
	if m := s.Messages(); len(m) != 1 || m[0].Size != 60_000 {
		t.Errorf("%d messages", len(m))
	}
}

func TestBDAT_CONTENTIsAfterLAST(t *testing.T) {
	s := memory(t, on("CONTENT", Say("451 4.3.0 later")))
	p := greet(t, s)
	p.transaction()
	p.say("BDAT 2\r\nhi")
	p.reply("250")
	p.ask("BDAT 0 LAST", "451")
	if m := s.Messages(); len(m) != 0 {
		t.Errorf("messages: %+v", m)
	}
}
