package smtptest

import (
	"bufio"
	"maps"
	"sync"
	"testing"
)

// wantCounts fails unless the server has counted this.
func wantCounts(t *testing.T, s *Server, want Counts) {
	t.Helper()
	got := s.Counts()
	if !maps.Equal(got.Commands, want.Commands) {
		t.Errorf("commands %v, want %v", got.Commands, want.Commands)
	}
	got.Commands, want.Commands = nil, nil
	if got.Connections != want.Connections || got.Closed != want.Closed || got.Greetings != want.Greetings || got.Handshakes != want.Handshakes ||
		got.Unknown != want.Unknown || got.Responses != want.Responses || got.Contents != want.Contents || got.Messages != want.Messages {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestCounts_OfOneConversation(t *testing.T) {
	cfg := authConfig()
	cfg.Mode, cfg.On = StartTLS, map[string]Step{"XOWN": Say("250 mine")}
	s := memory(t, cfg)
	p := greet(t, s)
	p.ask("EHLO me", "250")
	p.ask("STARTTLS", "220")
	if err := p.secure(s); err != nil {
		t.Fatal(err)
	}
	p.ask("ehlo me", "250")
	p.ask("AUTH LOGIN", "334")
	p.ask("*", "501")
	p.ask("AUTH LOGIN", "334")
	p.ask(b64("user"), "334")
	p.ask(b64("nobody's"), "535")
	p.ask("XWHAT is this", "500")
	p.ask("xown", "250")
	wantCounts(t, s, Counts{Connections: 1, Greetings: 1, Handshakes: 1, Unknown: 1, Responses: 3,
		Commands: map[string]int{"EHLO": 2, "STARTTLS": 1, "AUTH": 2, "XOWN": 1}})
	p.ask("QUIT", "221")
	p.Close()
	allClosed(t, s)
	wantCounts(t, s, Counts{Connections: 1, Closed: 1, Greetings: 1, Handshakes: 1, Unknown: 1, Responses: 3,
		Commands: map[string]int{"EHLO": 2, "STARTTLS": 1, "AUTH": 2, "XOWN": 1, "QUIT": 1}})
}

// Contents are those that came whole, messages those that were accepted.
func TestCounts_ContentsAndMessages(t *testing.T) {
	for name, c := range map[string]struct {
		on                 map[string]Step
		say                string // behind MAIL and RCPT; the replies follow
		replies            []string
		contents, messages int
	}{
		"DATA":                     {nil, "DATA\r\nhello\r\n.\r\n", []string{"354", "250"}, 1, 1},
		"DATA refused":             {map[string]Step{"CONTENT": Say("554 no")}, "DATA\r\nhello\r\n.\r\n", []string{"354", "554"}, 1, 0},
		"DATA by a step":           {map[string]Step{"DATA": Say("354 go")}, "DATA\r\nhello\r\n.\r\n", []string{"354", "250"}, 1, 1},
		"DATA not yet whole":       {nil, "DATA\r\nhello\r\n.", []string{"354"}, 0, 0},
		"chunks":                   {nil, "BDAT 2\r\nhiBDAT 2 LAST\r\nho", []string{"250", "250"}, 1, 1},
		"chunks, refused":          {map[string]Step{"BDAT": Say("550 no")}, "BDAT 2\r\nhiBDAT 2 LAST\r\nho", []string{"550", "550"}, 1, 0},
		"chunks, taken by a step":  {map[string]Step{"BDAT": Say("250 so be it")}, "BDAT 2 LAST\r\nho", []string{"250"}, 1, 1},
		"chunks, none is the last": {nil, "BDAT 2\r\nhi", []string{"250"}, 0, 0},
		"read by hand": {map[string]Step{"BDAT": func(c *Conn) {
			if _, err := c.ReadContent(); err == nil {
				c.Reply(250, "read")
			}
		}}, "BDAT 2\r\nhiBDAT 2 LAST\r\nho", []string{"250", "250"}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := memory(t, Config{On: c.on})
			p := greet(t, s)
			p.ask("EHLO me", "250")
			p.transaction()
			p.say(c.say)
			for _, code := range c.replies {
				p.reply(code)
			}
			if n := s.Counts(); n.Contents != c.contents || n.Messages != c.messages {
				t.Errorf("%d contents, %d messages, want %d, %d", n.Contents, n.Messages, c.contents, c.messages)
			}
			p.Close()
			allClosed(t, s)
		})
	}
}

// A greeting is one with 2yz; what is read over in silence is no command.
func TestCounts_GreetingsAndSilence(t *testing.T) {
	s := memory(t, Config{On: map[string]Step{
		"GREETING": Sequence(Say("421 not now"), Say("220-welcome\r\n220 here"), Usual()),
		"NOOP":     Silence(),
	}})
	for i, code := range []string{"421", "220", "220"} {
		p := dial(t, s)
		p.reply(code)
		if i == 2 {
			p.say("NOOP\r\nNOOP\r\n")
		}
		p.Close()
	}
	allClosed(t, s)
	wantCounts(t, s, Counts{Connections: 3, Closed: 3, Greetings: 2, Commands: map[string]int{"NOOP": 1}})
}

// Whoever counts changes nothing, and may do it meanwhile.
func TestCounts_MeanwhileAndAsACopy(t *testing.T) {
	const clients, commands = 8, 50
	s := memory(t, Config{})
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			conn, err := s.DialContext(t.Context(), "tcp", "mail.example:25")
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			for n := range commands + 1 { // the greeting first
				if _, err := r.ReadString('\n'); err != nil {
					t.Error(err)
					return
				}
				s.Counts().Commands["NOOP"] = -1
				if n < commands {
					if _, err := conn.Write([]byte("NOOP\r\n")); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	allClosed(t, s)
	wantCounts(t, s, Counts{Connections: clients, Closed: clients, Greetings: clients, Commands: map[string]int{"NOOP": clients * commands}})
}
