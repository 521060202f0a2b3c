package smtptest

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func on(moment string, step Step) Config {
	return Config{On: map[string]Step{moment: step}}
}

func TestStep_Say(t *testing.T) {
	for given, want := range map[string][]string{
		"250 one":              {"250 one"},
		"250 one\n":            {"250 one"},
		"250-two\r\n250 lines": {"250-two", "250 lines"},
	} {
		p := greet(t, memory(t, on("NOOP", Say(given))))
		p.say("NOOP\r\n")
		p.want(want...)
		p.ask("RSET", "250")
	}
}

func TestStep_SayRawIsOneWrite(t *testing.T) {
	const octets = "250 reply\r\n421 and goodbye\r\n25"
	for name, cfg := range map[string]Config{"in clear": {}, "within TLS": {Mode: Implicit}} {
		t.Run(name, func(t *testing.T) {
			cfg.On = map[string]Step{"NOOP": SayRaw(octets)}
			s := memory(t, cfg)
			p := dial(t, s)
			if cfg.Mode == Implicit {
				if err := p.secure(s); err != nil {
					t.Fatal(err)
				}
			}
			p.reply("220")
			p.say("NOOP\r\n")
			buf := make([]byte, 100)
			if n, err := p.Read(buf); string(buf[:n]) != octets || err != nil {
				t.Errorf("read %q, %v", buf[:n], err)
			}
		})
	}
}

func TestStep_SayAndClose(t *testing.T) {
	p := greet(t, memory(t, on("NOOP", SayAndClose("421 4.3.2 closing"))))
	p.ask("NOOP", "421 4.3.2 closing")
	if err := p.end(); err != io.EOF {
		t.Errorf("ended with %v", err)
	}
}

func TestStep_SayAndCloseKeepsTheBatch(t *testing.T) {
	p := greet(t, memory(t, on("RSET", SayAndClose("421 closing"))))
	p.say("NOOP\r\nRSET\r\nNOOP\r\n")
	p.reply("250")
	p.reply("421")
	if err := p.end(); err != io.EOF {
		t.Errorf("ended with %v", err)
	}
}

func TestStep_CloseAndResetAtEachMoment(t *testing.T) {
	for _, moment := range []string{"CONNECT", "TLS", "GREETING", "EHLO", "MAIL", "CONTENT"} {
		for name, c := range map[string]struct {
			step Step
			want error
		}{"close": {Close(), io.EOF}, "reset": {Reset(), syscall.ECONNRESET}} {
			for where, start := range map[string]func(*testing.T, Config) *Server{"memory": memory, "sockets": sockets} {
				t.Run(moment+" "+name+" "+where, func(t *testing.T) {
					cfg := on(moment, c.step)
					if moment == "TLS" {
						cfg.Mode = Implicit
					}
					s := start(t, cfg)
					err := converse(t, s)
					// A socket may tell a writer first.
					if !errors.Is(err, c.want) && !errors.Is(err, syscall.EPIPE) {
						t.Errorf("ended with %v, want %v", err, c.want)
					}
					allClosed(t, s)
					if want := map[string]string{"close": "closed", "reset": "reset"}[name]; !slices.Contains(notes(s), want) {
						t.Errorf("notes: %q", notes(s))
					}
				})
			}
		}
	}
}

// converse sends one message in lock step and returns how that ended.
func converse(t *testing.T, s *Server) error {
	conn, err := s.DialContext(t.Context(), "tcp", s.Addr())
	if err != nil {
		return err // an early RST may meet the dial
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	for _, command := range []string{"", "EHLO client.example\r\n", "MAIL FROM:<a@example.org>\r\n",
		"RCPT TO:<b@example.net>\r\n", "DATA\r\n", "hello\r\n.\r\n"} {
		if _, err := io.WriteString(conn, command); err != nil {
			return err
		}
		for line := "250-"; strings.HasPrefix(line[3:], "-"); {
			if line, err = r.ReadString('\n'); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestStep_Silence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(on("EHLO", Silence()))
		defer s.Close()
		p := greet(t, s)
		p.say("EHLO client.example\r\nNOOP\r\n")
		p.SetDeadline(time.Now().Add(24 * time.Hour))
		start := time.Now()
		if n, err := p.Read(make([]byte, 1)); n != 0 || time.Since(start) != 24*time.Hour {
			t.Errorf("read %d octets, %v, after %v", n, err, time.Since(start))
		}
		p.SetDeadline(time.Time{})
		p.say(strings.Repeat("NOOP\r\n", 100_000)) // is read over
		p.Close()
		allClosed(t, s)
		if got := s.Commands(); len(got) != 1 {
			t.Errorf("%d commands", len(got))
		}
	})
}

func TestStep_Trickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(on("GREETING", Trickle("220 slow\r\n", time.Second)))
		defer s.Close()
		p := dial(t, s)
		p.SetDeadline(time.Time{})
		start := time.Now()
		for i := range len("220 slow\r\n") {
			p.r.ReadByte()
			if at := time.Since(start); at != time.Duration(i+1)*time.Second {
				t.Fatalf("octet %d came after %v", i, at)
			}
		}
		p.ask("NOOP", "250")
	})
}

func TestStep_TrickleEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(on("GREETING", Trickle("220 slow\r\n", time.Hour)))
		p := dial(t, s)
		synctest.Wait()
		start := time.Now()
		s.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v", took)
		}
		p.end()
	})
}

func TestStep_Flood(t *testing.T) {
	for name, start := range map[string]func(*testing.T, Config) *Server{"memory": memory, "sockets": sockets} {
		t.Run(name, func(t *testing.T) {
			s := start(t, on("GREETING", Flood("220-and\r\n")))
			p := dial(t, s)
			for range 100_000 {
				p.want("220-and")
			}
			p.Close()
			allClosed(t, s)
		})
	}
}

func TestStep_FloodThatNobodyReadsEndsWithTheServer(t *testing.T) {
	for name, start := range map[string]func(*testing.T, Config) *Server{"memory": memory, "sockets": sockets} {
		t.Run(name, func(t *testing.T) {
			s := start(t, on("GREETING", Flood("endless")))
			p := dial(t, s)
			p.r.ReadByte() // it has begun
			s.Close()
		})
	}
}

func TestStep_SequenceCountsOverConnections(t *testing.T) {
	step := Sequence(Say("450 first"), Usual(), Say("450 third and later"))
	s, other := memory(t, on("RSET", step)), memory(t, on("RSET", step))
	for _, want := range []string{"450 first", "250 ", "450 third", "450 third"} {
		greet(t, s).ask("RSET", want)
	}
	greet(t, other).ask("RSET", "450 first") // a server counts for itself
	greet(t, memory(t, on("RSET", Sequence()))).ask("RSET", "250")
}

func TestStep_ThenEndsWithTheConnection(t *testing.T) {
	ran := false
	s := memory(t, on("NOOP", Then(Usual(), Say("250 one too many"), Close(), func(*Conn) { ran = true })))
	p := greet(t, s)
	p.ask("NOOP", "250 ok")
	p.want("250 one too many")
	p.end()
	s.Close()
	if ran {
		t.Error("a step ran on a closed connection")
	}
}

func TestStep_LineSaysWhatIsAnswered(t *testing.T) {
	s := memory(t, on("RCPT", func(c *Conn) {
		if strings.Contains(c.Line(), "bad") {
			c.Reply(550, "no such user")
			return
		}
		c.Usual()
	}))
	p := greet(t, s)
	p.transaction()
	p.ask("RCPT TO:<bad@example.net>", "550")
	p.ask("DATA", "354")
	p.ask("hello\r\n.", "250")
	if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].To, []string{"to@example.net"}) {
		t.Errorf("messages: %+v", m)
	}
}

func TestStep_RepliesOutsideTheBatchAreWrittenAtOnce(t *testing.T) {
	release := make(chan struct{})
	p := greet(t, memory(t, on("NOOP", func(c *Conn) {
		c.Reply(250, "before the wait")
		select {
		case <-release:
		case <-c.Context().Done():
		}
	})))
	p.ask("NOOP", "250 before the wait")
	close(release)
	p.ask("RSET", "250")
}
