package smtptest

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"testing"
)

// lhlo connects a peer to an LMTP server and says LHLO.
func lhlo(t *testing.T, s *Server) *peer {
	t.Helper()
	p := dial(t, s)
	p.want("220 " + s.cfg.Name + " LMTP smtptest")
	p.ask("LHLO client.example", "250")
	return p
}

// envelope opens a transaction.
func (p *peer) envelope(to ...string) {
	p.t.Helper()
	p.ask("MAIL FROM:<a@example.org>", "250")
	for _, address := range to {
		p.ask("RCPT TO:<"+address+">", "250")
	}
}

// byRecipient answers the content by the recipient's address, the others as usual.
func byRecipient(steps map[string]Step) Config {
	return Config{LMTP: true, On: map[string]Step{"CONTENT": func(c *Conn) {
		if step := steps[c.Recipient()]; step != nil {
			step(c)
			return
		}
		c.Usual()
	}}}
}

func TestLMTP_LHLOAloneGreets(t *testing.T) {
	p := dial(t, memory(t, Config{LMTP: true}))
	p.want("220 smtptest.test LMTP smtptest")
	p.ask("EHLO client.example", "500")
	p.ask("HELO client.example", "500")
	p.ask("MAIL FROM:<a@example.org>", "503")
	p.ask("LHLO", "501")
	if lines := p.ask("LHLO client.example", "250"); !slices.Contains(lines, "250-PIPELINING") {
		t.Errorf("%q", lines)
	}
	p.ask("MAIL FROM:<a@example.org> BODY=8BITMIME", "250 2.1.0")
	p.ask("LHLO client.example", "250")
	p.ask("MAIL FROM:<a@example.org>", "250") // LHLO has reset

	p = greet(t, memory(t, Config{}))
	p.ask("LHLO client.example", "500")
}

func TestLMTP_AStepsAnswerToLHLOCounts(t *testing.T) {
	p := dial(t, memory(t, Config{LMTP: true, On: map[string]Step{"LHLO": Say("250-me\r\n250 ENHANCEDSTATUSCODES")}}))
	p.reply("220")
	p.ask("LHLO client.example", "250")
	p.ask("MAIL FROM:<a@example.org>", "250 2.1.0")
}

// The recipients' replies come in the order of RCPT, those of the same address
// too.
func TestLMTP_EachAcceptedRecipientHasAReply(t *testing.T) {
	for name, content := range map[string]string{
		"DATA": "DATA\r\nhello\r\n.\r\n", "BDAT LAST": "BDAT 7 LAST\r\nhello\r\n", "chunks": "BDAT 2\r\nheBDAT 5 LAST\r\nllo\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := memory(t, byRecipient(map[string]Step{"full@x": Say("452 4.2.2 full"), "gone@x": Say("550 5.1.1 gone"), "by@x": Say("250 here")}))
			p := lhlo(t, s)
			p.envelope("a@x", "full@x", "by@x")
			p.ask("RCPT TO:<>", "501")
			p.ask("RCPT TO:<gone@x> NOTIFY=NEVER", "250")
			p.ask("RCPT TO:<a@x> NOTIFY=NEVER", "250")
			p.say(content)
			switch name {
			case "DATA":
				p.reply("354")
			case "chunks":
				p.reply("250 2.0.0 chunk")
			}
			p.want("250 2.0.0 accepted", "452 4.2.2 full", "250 here", "550 5.1.1 gone", "250 2.0.0 accepted")
			p.ask("DATA", "503") // the transaction is over
			m := s.Messages()
			if len(m) != 1 || !slices.Equal(m[0].To, []string{"a@x", "by@x", "a@x"}) || string(m[0].Content) != "hello\r\n" || m[0].Size != 7 {
				t.Fatalf("messages: %+v", m)
			}
			if got := fmt.Sprint(m[0].ToParams); got != "[[] [] [NOTIFY=NEVER]]" {
				t.Errorf("parameters: %s", got)
			}
		})
	}
}

func TestLMTP_NobodyGetsIt(t *testing.T) {
	s := memory(t, Config{LMTP: true, On: map[string]Step{"CONTENT": Say("550 5.7.1 no")}})
	p := lhlo(t, s)
	p.envelope("a@x", "b@x")
	p.ask("DATA", "354")
	p.ask("hello\r\n.", "550")
	p.reply("550")
	p.ask("NOOP", "250")
	if m := s.Messages(); len(m) != 0 {
		t.Errorf("messages: %+v", m)
	}
}

// RFC 2033: DATA gets 503 (section 4.2), BDAT LAST no reply at all (4.3).
func TestLMTP_NobodyWasAccepted(t *testing.T) {
	for name, on := range map[string]map[string]Step{"as usual": nil, "354 all the same": {"DATA": Say("354 go")}} {
		t.Run(name, func(t *testing.T) {
			s := memory(t, Config{LMTP: true, On: on})
			p := lhlo(t, s)
			p.envelope()
			p.say("BDAT 6\r\nQUIT\r\n")
			p.reply("503")
			p.say("DATA\r\n")
			if on == nil {
				p.reply("503")
			} else {
				p.reply("354")
				p.say("hello\r\n.\r\n")
				p.envelope()
			}
			p.say("BDAT 6 LAST\r\nQUIT\r\n")
			p.envelope("a@x") // and no reply before this one's
			if m := s.Messages(); len(m) != 0 {
				t.Errorf("messages: %+v", m)
			}
		})
	}
}

// What was accepted before the connection ended is accepted, and no more.
func TestLMTP_TheEndInTheMiddleOfTheReplies(t *testing.T) {
	for name, step := range map[string]Step{"reset": Reset(), "close": Close(), "421": SayAndClose("421 4.3.2 bye")} {
		t.Run(name, func(t *testing.T) {
			s := memory(t, byRecipient(map[string]Step{"c@x": step}))
			p := lhlo(t, s)
			p.envelope("a@x", "b@x", "c@x", "d@x")
			p.ask("DATA", "354")
			p.say(".\r\n")
			if name != "reset" { // RST discards what was not read yet
				p.reply("250")
				p.reply("250")
			}
			if name == "421" {
				p.reply("421")
			}
			allClosed(t, s)
			if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].To, []string{"a@x", "b@x"}) {
				t.Errorf("messages: %+v", m)
			}
		})
	}
}

func TestLMTP_ARecipientIsRecordedBeforeItsReply(t *testing.T) {
	var s *Server
	var seen [][]string
	s = memory(t, Config{LMTP: true, On: map[string]Step{"CONTENT": func(c *Conn) {
		c.Usual()
		seen = append(seen, s.Messages()[0].To)
	}}})
	p := lhlo(t, s)
	p.envelope("a@x", "b@x")
	p.ask("DATA", "354")
	p.ask(".", "250")
	p.reply("250")
	p.ask("QUIT", "221")
	allClosed(t, s)
	if got := fmt.Sprint(seen); got != "[[a@x] [a@x b@x]]" {
		t.Errorf("%s", got)
	}
}

func TestLMTP_TooLargeIsSaidToEach(t *testing.T) {
	s := memory(t, Config{LMTP: true, MaxMessage: 10})
	p := lhlo(t, s)
	p.envelope("a@x", "b@x")
	p.ask("DATA", "354")
	p.ask("0123456789\r\n.", "552")
	p.reply("552")
	p.ask("NOOP", "250")
}

// A unix socket has no port and no RST; the rest is as on TCP.
func TestServe_OnAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lmtp")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Serve(ln, Config{LMTP: true, Mode: StartTLS, On: map[string]Step{"NOOP": Reset(), "HELP": SayAndClose("214 bye")}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Addr() != path || s.Host() != path || s.Port() != 0 {
		t.Errorf("%q, host %q, port %d", s.Addr(), s.Host(), s.Port())
	}
	p := lhlo(t, s)
	p.ask("STARTTLS", "220")
	if err := p.secure(s); err != nil {
		t.Fatal(err)
	}
	p.ask("LHLO client.example", "250")
	p.envelope("a@x")
	p.ask("DATA", "354")
	p.ask("hello\r\n.", "250")
	p.ask("HELP", "214")
	p.end()
	p = lhlo(t, s)
	p.say("NOOP\r\n")
	p.end()
	allClosed(t, s)
	if m := s.Messages(); len(m) != 1 || !m[0].TLS {
		t.Errorf("messages: %+v", m)
	}
}
