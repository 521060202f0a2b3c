package smtptest

import (
	"slices"
	"strings"
	"testing"
)

func TestContent_DATA(t *testing.T) {
	for _, c := range []struct{ name, sent, want string }{
		{"empty", ".\r\n", ""},
		{"a line", "hello\r\n.\r\n", "hello\r\n"},
		{"stuffed", "..\r\n...x\r\n.\r\n", ".\r\n..x\r\n"},
		{"a dot that was not doubled", ".x\r\n.\r\n", "x\r\n"},
		{"LF dot LF is content", "a\n.\nb\r\n.\r\n", "a\n.\nb\r\n"},
		{"LF dot CRLF is content", "a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n"},
		{"CR dot CR is content", "a\r.\rb\r\n.\r\n", "a\r.\rb\r\n"},
		{"CRLF dot LF is content", "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n"},
		{"CRLF dot CR is content", "a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n"},
		{"CRLF dot CR CR LF is content", "a\r\n.\r\r\nb\r\n.\r\n", "a\r\n\r\r\nb\r\n"},
		{"CR CRLF", "a\r\r\n.\r\n", "a\r\r\n"},
		{"eight bits", "\x00\xff\r\n.\r\n", "\x00\xff\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := memory(t, Config{})
			p := greet(t, s)
			p.transaction()
			p.ask("DATA", "354")
			for _, octet := range []byte(c.sent) { // any border may fall anywhere
				p.say(string([]byte{octet}))
			}
			p.reply("250")
			p.ask("NOOP", "250")
			m := s.Messages()
			if len(m) != 1 || string(m[0].Content) != c.want || m[0].Size != int64(len(c.want)) {
				t.Errorf("messages: %+v, want %q", m, c.want)
			}
		})
	}
}

func TestContent_MessageIsRecordedBeforeItsReply(t *testing.T) {
	s := memory(t, Config{})
	p := greet(t, s)
	p.ask("EHLO client.example", "250")
	p.ask("MAIL FROM:<> SIZE=7 BODY=8BITMIME", "250")
	p.ask(`RCPT TO:<"a > b"@example.net> NOTIFY=NEVER`, "250")
	p.ask("RCPT TO:<c@example.net>", "250")
	p.ask("DATA", "354")
	p.ask("hello\r\n.", "250")
	m := s.Messages()[0]
	if m.Conn != 1 || m.From != "" || !slices.Equal(m.Params, []string{"SIZE=7", "BODY=8BITMIME"}) ||
		!slices.Equal(m.To, []string{`"a > b"@example.net`, "c@example.net"}) ||
		len(m.ToParams) != 2 || !slices.Equal(m.ToParams[0], []string{"NOTIFY=NEVER"}) || len(m.ToParams[1]) != 0 ||
		m.TLS || m.Auth != "" {
		t.Errorf("message: %+v", m)
	}
	p.ask("DATA", "503") // the transaction is over
}

func TestContent_TooLargeIsReadOverAndRefused(t *testing.T) {
	s := memory(t, Config{MaxMessage: 10})
	p := greet(t, s)
	p.transaction()
	p.ask("DATA", "354")
	p.ask(strings.Repeat("0123456789\r\n", 10_000)+".", "552 5.3.4")
	p.ask("MAIL FROM:<a@example.org>", "250")
	p.ask("RCPT TO:<b@example.net>", "250")
	p.ask("DATA", "354")
	p.ask("01234567\r\n.", "250")
	if m := s.Messages(); len(m) != 1 || m[0].Size != 10 {
		t.Errorf("messages: %+v", m)
	}
}

func TestContent_CutIsNotAccepted(t *testing.T) {
	for _, start := range []string{"DATA\r\nhello\r\n.", "BDAT 10 LAST\r\nhello"} {
		s := memory(t, Config{})
		p := greet(t, s)
		p.transaction()
		p.say(start)
		p.Close()
		allClosed(t, s)
		if m := s.Messages(); len(m) != 0 {
			t.Errorf("%q: messages %+v", start, m)
		}
	}
}

func TestContent_RefusedInTheMiddle(t *testing.T) {
	for kind, start := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := start(t, Config{On: map[string]Step{"DATA": func(c *Conn) {
				c.Reply(354, "go")
				c.ReadLine()
				c.Reply(552, "5.3.4 too large")
				c.Close()
			}}})
			p := greet(t, s)
			p.transaction()
			p.ask("DATA", "354")
			p.ask("hello", "552")
			p.end()
		})
	}
}

func TestContent_KeptUpToALimit(t *testing.T) {
	var r record
	big := make([]byte, maxContentKept)
	r.accept(Message{Content: big, Size: int64(len(big))})
	r.accept(Message{Content: []byte("x"), Size: 1})
	if r.messages[0].Content == nil || r.messages[1].Content != nil || r.messages[1].Size != 1 {
		t.Error("the limit of 256 MiB does not hold")
	}
}
