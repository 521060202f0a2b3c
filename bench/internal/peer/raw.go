package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Raw is the limit.
type Raw struct {
	// Goroutines gives each session a goroutine of its own, as a session that
	// lives beside its caller has.
	Goroutines bool
	// Chunk, if not 0, is how many octets of content it sends at once, each by a BDAT
	// whose answer it awaits: the limit of a client that does not know the size.
	Chunk int
	// Guarded adds what a session owes its caller. To a message: a goroutine, a look at
	// each octet of the content and, before each flight, one at the server, and a
	// deadline; with Chunk, content that comes from a reader of the caller's. To a whole
	// session see [guardedSession].
	Guarded bool
}

// Name returns "raw", "raw+go", "raw/chunks", "raw/guarded" or "raw/lent".
func (r Raw) Name() string {
	switch {
	case r.Guarded && r.Chunk > 0:
		return "raw/lent"
	case r.Goroutines:
		return "raw+go"
	case r.Chunk > 0:
		return "raw/chunks"
	case r.Guarded:
		return "raw/guarded"
	}
	return "raw"
}

// The commands of a session, made once.
var (
	rawHello    = []byte("EHLO " + LocalName + "\r\n")
	rawStartTLS = []byte("STARTTLS\r\n")
	rawQuit     = []byte("QUIT\r\n")
)

// Session is dial, greeting, EHLO, STARTTLS and EHLO, QUIT.
func (r Raw) Session(ctx context.Context, t Target) error {
	switch {
	case r.Guarded:
		return guardedSession(ctx, t, func(conn net.Conn, g *guard) (func() error, error) {
			c := &rawConn{conn: conn, guard: g}
			return c.leave, c.begin(t)
		})
	case !r.Goroutines:
		return rawSession(t)
	}
	done := make(chan error, 1)
	go func() { done <- rawSession(t) }()
	return <-done
}

func rawSession(t Target) error {
	c, err := rawReady(t)
	if err != nil {
		return err
	}
	return c.Close()
}

// Ready is a connection; its goroutine, where it has one, waits for what it is to
// send.
func (r Raw) Ready(_ context.Context, t Target, l *Letter) (Sender, error) {
	c, err := rawReady(t)
	if err != nil {
		return nil, err
	}
	c.letter = l
	if r.Chunk > 0 && !r.Guarded {
		c.letter = l.inChunks(r.Chunk)
	}
	c.in, c.have = nil, 0 // a session that rests holds no buffer
	if r.Guarded {
		c.guard = newGuard(c.conn)
	}
	switch {
	case r.Guarded && r.Chunk > 0:
		return newLent(c, l, r.Chunk), nil
	case r.Goroutines || r.Guarded:
		return behindGoroutine(c), nil
	}
	return c, nil
}

// rawConn is a connection, and what it has read and not looked at.
type rawConn struct {
	conn   net.Conn
	letter *Letter
	in     []byte
	have   int
	guard  *guard // before each exchange; nil: there is none
}

func rawReady(t Target) (*rawConn, error) {
	conn, err := net.Dial("tcp", t.Address)
	if err != nil {
		return nil, err
	}
	c := &rawConn{conn: conn}
	if err := c.begin(t); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *rawConn) begin(t Target) error {
	if t.Security == Implicit {
		c.secure(t)
	}
	if err := c.exchange(nil, 1); err != nil {
		return err
	}
	if err := c.exchange(rawHello, 1); err != nil || t.Security != StartTLS {
		return err
	}
	if err := c.exchange(rawStartTLS, 1); err != nil {
		return err
	}
	c.secure(t)
	return c.exchange(rawHello, 1)
}

// secure begins TLS, with full records from the first one on.
func (c *rawConn) secure(t Target) {
	config := t.config()
	config.DynamicRecordSizingDisabled = true
	c.conn = tls.Client(c.conn, config)
}

// exchange writes octets, if there are any, and reads so many replies.
func (c *rawConn) exchange(octets []byte, replies int) error {
	if c.in == nil {
		c.in = make([]byte, 1<<10)
	}
	if c.guard != nil {
		if err := c.guard.exchange(c.conn, len(octets) > 0); err != nil {
			return err
		}
	}
	if len(octets) > 0 {
		if _, err := c.conn.Write(octets); err != nil {
			return err
		}
	}
	for replies > 0 {
		if c.have == len(c.in) {
			return fmt.Errorf("raw: a line of more than %d octets", c.have)
		}
		n, err := c.conn.Read(c.in[c.have:])
		if err != nil {
			return err
		}
		c.have += n
		got, err := c.replies()
		if err != nil {
			return err
		}
		replies -= got
	}
	return nil
}

// replies counts the whole replies that were read, and keeps what is left of a
// line. A reply's last line has a space behind its code.
func (c *rawConn) replies() (n int, err error) {
	from := 0
	for {
		end := bytes.IndexByte(c.in[from:c.have], '\n')
		if end < 0 {
			c.have = copy(c.in, c.in[from:c.have])
			return n, nil
		}
		line := c.in[from : from+end]
		if len(line) < 4 || line[0] != '2' && line[0] != '3' {
			return n, fmt.Errorf("raw: %q", line)
		}
		if line[3] == ' ' {
			n++
		}
		from += end + 1
	}
}

func (c *rawConn) Send(context.Context) error {
	if c.guard != nil {
		c.guard.message(c.letter.Content)
	}
	for _, f := range c.letter.Flights {
		if err := c.exchange(f.Octets, f.Replies); err != nil {
			return err
		}
	}
	return nil
}

// leave is Close of a session that has a guard: nothing that the server says is an
// answer to QUIT that matters.
func (c *rawConn) leave() error {
	err := c.guard.exchange(c.conn, false)
	c.guard = nil
	return errors.Join(err, c.Close())
}

func (c *rawConn) Close() error {
	err := c.exchange(rawQuit, 1)
	if secure, ok := c.conn.(*tls.Conn); ok {
		_ = secure.NetConn().Close() // after 221 nobody reads an alert
	} else {
		_ = c.conn.Close()
	}
	return err
}

// handed is a sender behind a goroutine that it is handed its messages by.
type handed struct {
	ask  chan struct{} // closed: QUIT
	done chan error
}

func behindGoroutine(c Sender) *handed {
	s := &handed{make(chan struct{}), make(chan error)}
	go func() {
		for range s.ask {
			s.done <- c.Send(context.Background())
		}
		s.done <- c.Close()
	}()
	return s
}

func (s *handed) Send(context.Context) error {
	s.ask <- struct{}{}
	return <-s.done
}

func (s *handed) Close() error {
	close(s.ask)
	return <-s.done
}
