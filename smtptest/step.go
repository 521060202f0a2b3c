package smtptest

import (
	"io"
	"strings"
	"time"
)

// Step is something to do at a verb or a moment of [Config.On]. It runs on the
// connection's goroutine. A Step that waits for something of the test's has to
// give up when [Conn.Context] ends, because [Server.Close] waits for it.
type Step func(*Conn)

// Say writes a reply, as given, with CRLF added where it is missing; it may
// hold several lines. The session then goes on.
func Say(reply string) Step {
	reply = endLine(reply)
	return func(c *Conn) { c.queue(reply) }
}

// SayRaw writes exactly these octets, in one write: one segment, one TLS
// record. The session then goes on.
func SayRaw(octets string) Step {
	return func(c *Conn) { c.Write(octets) }
}

// SayAndClose writes a reply as [Say] does and closes in an orderly way.
func SayAndClose(reply string) Step {
	return Then(Say(reply), Close())
}

// Close says nothing and closes the connection in an orderly way: close_notify
// within TLS, then FIN.
func Close() Step {
	return func(c *Conn) { c.Close() }
}

// Reset says nothing and breaks the connection: RST. On a socket an early one, at
// "CONNECT" or "GREETING", may reach the client while it still dials.
func Reset() Step {
	return func(c *Conn) { c.Reset() }
}

// Silence reads over whatever comes and never answers, until the client goes
// or the server is closed.
func Silence() Step {
	return func(c *Conn) { c.swallow() }
}

// Trickle writes text once, one octet after each wait of every. The session
// then goes on. [Flood] is for a text without an end.
func Trickle(text string, every time.Duration) Step {
	return func(c *Conn) {
		if c.flush() != nil {
			return
		}
		c.note("trickle, one octet per %v", every)
		c.saying(text)
		for i := range len(text) {
			if c.wait(every) != nil || c.emit(text[i:i+1], Whole) != nil {
				return
			}
		}
	}
}

// Flood writes text over and over, as fast as the client reads, until it goes
// or the server is closed. It reads nothing meanwhile.
func Flood(text string) Step {
	return func(c *Conn) {
		c.note("flood")
		if text == "" || c.flush() != nil {
			c.Close()
			return
		}
		block := strings.Repeat(text, 1+4096/len(text))
		for c.emit(block, Whole) == nil {
		}
		c.Close()
	}
}

// Usual does what the server does by itself.
func Usual() Step {
	return func(c *Conn) { c.Usual() }
}

// Sequence does the n-th step the n-th time it is reached, counted over all
// connections of a server; the last step then repeats. Without steps it is
// [Usual].
func Sequence(steps ...Step) Step {
	key := new(sequence)
	return func(c *Conn) {
		n := c.server.reached(key)
		if len(steps) == 0 {
			c.Usual()
			return
		}
		steps[min(n, len(steps)-1)](c)
	}
}

// sequence is only an identity: a server's key for its count. It has a size, as
// pointers to zero-size values may be equal.
type sequence struct{ _ byte }

// Then does the steps one after another, each time, and stops when the
// connection is closed.
func Then(steps ...Step) Step {
	return func(c *Conn) {
		for _, step := range steps {
			if c.isClosed() {
				return
			}
			step(c)
		}
	}
}

// swallow reads over everything until the connection ends.
func (c *Conn) swallow() {
	c.takeOver()
	_, err := io.Copy(io.Discard, onlyReader{c.r})
	c.gone(err)
}

// onlyReader hides bufio.Reader's WriteTo, which may grow.
type onlyReader struct{ r io.Reader }

func (o onlyReader) Read(p []byte) (int, error) { return o.r.Read(p) }

func endLine(s string) string {
	switch {
	case strings.HasSuffix(s, "\r\n"):
		return s
	case strings.HasSuffix(s, "\n"):
		return s[:len(s)-1] + "\r\n"
	}
	return s + "\r\n"
}
