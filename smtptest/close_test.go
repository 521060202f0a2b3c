package smtptest

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Without the linger the kernel turns the FIN into a RST, as unread octets are
// left, and the client may lose the reply.
func TestClose_TheLastReplyArrivesThoughMoreWasSent(t *testing.T) {
	s := sockets(t, Config{On: map[string]Step{"MAIL": SayAndClose("421 4.3.2 closing")}})
	for range 20 {
		p := greet(t, s)
		p.say("MAIL FROM:<a@example.org>\r\n" + strings.Repeat("NOOP\r\n", 20_000))
		p.want("421 4.3.2 closing")
		if err := p.end(); err != io.EOF {
			t.Fatalf("ended with %v", err)
		}
		p.Close()
	}
}

// counted counts the octets that came.
type counted struct {
	net.Conn
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n += n
	return n, err
}

// crypto/tls reads io.EOF with and without a close_notify, so octets tell.
func TestClose_SaysCloseNotifyWithinTLS(t *testing.T) {
	for name, c := range map[string]struct {
		step   Step
		notify bool
	}{
		"close": {Close(), true},
		"cut":   {func(c *Conn) { c.NetConn().Close() }, false},
	} {
		for kind, start := range kinds {
			t.Run(name+" "+kind, func(t *testing.T) {
				p := dial(t, start(t, Config{Mode: Implicit, On: map[string]Step{"NOOP": c.step}}))
				wire := &counted{Conn: p.Conn}
				p.Conn = wire
				if err := p.secure(p.server); err != nil {
					t.Fatal(err)
				}
				p.reply("220")
				before := wire.n
				p.say("NOOP\r\n")
				if err := p.end(); err != io.EOF {
					t.Errorf("ended with %v", err)
				}
				if got := wire.n > before; got != c.notify {
					t.Errorf("octets before the end: %v", got)
				}
			})
		}
	}
}

func TestClose_AStepThatGoesOnGetsErrors(t *testing.T) {
	errs := make(chan error, 3)
	s := memory(t, Config{On: map[string]Step{"NOOP": func(c *Conn) {
		c.Close()
		errs <- c.Reply(250, "too late")
		_, err := c.ReadLine()
		errs <- err
		errs <- c.Context().Err()
	}}})
	p := greet(t, s)
	p.say("NOOP\r\nNOOP\r\n")
	p.end()
	for range 3 {
		if <-errs == nil {
			t.Error("no error on a closed connection")
		}
	}
}

func TestClose_OfTheServerDoesNotLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(on("NOOP", Close()))
		p := greet(t, s)
		defer p.Close()
		p.say("NOOP\r\n")
		p.end()
		if n := s.Open(); n != 0 {
			t.Errorf("%d open", n)
		}
		start := time.Now()
		s.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestClose_TheClientsEndIsNoted(t *testing.T) {
	s := memory(t, Config{})
	p := greet(t, s)
	p.say("QUI")
	p.Close()
	allClosed(t, s)
	if got := strings.Join(notes(s), "; "); got != "cut line of 3 octets; closed by the client" {
		t.Errorf("notes: %s", got)
	}
}
