package inmemory

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// Dialer connects to a server of this package. The zero value is ready, and may be
// used from many goroutines.
type Dialer struct{}

// DialContext makes a connection, whatever the address.
func (Dialer) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &conn{out: []byte("220 memory.test ESMTP\r\n")}
	c.changed.L = &c.mu
	return c, nil
}

// conn is a client's end, and the server behind it.
type conn struct {
	mu      sync.Mutex
	changed sync.Cond
	out     []byte // answers that were not read
	line    []byte // the begin of a command
	content int    // octets of a BDAT that are still to come
	ended   bool   // by QUIT
	closed  bool
	late    time.Time // of reads
}

func (c *conn) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case !c.late.IsZero() && !time.Now().Before(c.late):
			return 0, os.ErrDeadlineExceeded
		case len(c.out) > 0:
			n := copy(b, c.out)
			if c.out = c.out[n:]; len(c.out) == 0 {
				c.out = nil // a session that rests holds no buffer
			}
			return n, nil
		case c.ended:
			return 0, io.EOF
		}
		c.wait()
	}
}

// wait waits for a change, or for the deadline.
func (c *conn) wait() {
	if !c.late.IsZero() {
		timer := time.AfterFunc(time.Until(c.late), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.changed.Broadcast()
		})
		defer timer.Stop()
	}
	c.changed.Wait()
}

func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.ended {
		return 0, net.ErrClosed
	}
	c.serve(b)
	c.changed.Broadcast()
	return len(b), nil
}

func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.changed.Broadcast()
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = t
	c.changed.Broadcast()
	return nil
}

func (c *conn) SetDeadline(t time.Time) error  { return c.SetReadDeadline(t) }
func (*conn) SetWriteDeadline(time.Time) error { return nil } // no write waits
func (*conn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000} }
func (*conn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 25), Port: 25} }

// serve answers what was written.
func (c *conn) serve(b []byte) {
	for len(b) > 0 {
		if c.content > 0 {
			n := min(c.content, len(b))
			c.content, b = c.content-n, b[n:]
			if c.content == 0 {
				c.say("250 2.0.0 Ok: queued as 4bXJ2k1w8qz9\r\n")
			}
			continue
		}
		before, after, ok := bytes.Cut(b, []byte{'\n'})
		if !ok {
			c.line = append(c.line, b...)
			return
		}
		line := append(c.line, before...)
		c.line, b = nil, after
		c.answer(bytes.TrimRight(line, "\r"))
	}
}

func (c *conn) answer(line []byte) {
	verb, rest, _ := bytes.Cut(line, []byte(" "))
	switch string(verb) {
	case "EHLO":
		c.say("250-memory.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n")
	case "MAIL", "RCPT":
		c.say("250 2.1.0 Ok\r\n")
	case "BDAT":
		size, _, _ := bytes.Cut(rest, []byte(" "))
		n, err := strconv.Atoi(string(size))
		if err != nil || n <= 0 {
			c.say("501 5.5.4 which size?\r\n")
			return
		}
		c.content = n
	case "QUIT":
		c.say("221 2.0.0 Bye\r\n")
		c.ended = true
	default:
		c.say("502 5.5.1 not known\r\n")
	}
}

func (c *conn) say(reply string) { c.out = append(c.out, reply...) }
