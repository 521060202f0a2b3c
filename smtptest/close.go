package smtptest

import (
	"io"
	"net"
	"time"
)

// How long, and for how many octets, a closed connection is read over: so the
// kernel does not turn the FIN into a RST that overtakes the last reply, and in
// memory a client may still write what it would get rid of on a socket.
const (
	lingerTime   = 500 * time.Millisecond
	lingerOctets = 1 << 20
)

// Close writes out the replies that wait and closes the connection in an orderly
// way: close_notify within TLS, then FIN. The rest of the step still runs, but
// reads and writes fail. It may be called from any goroutine, again too.
func (c *Conn) Close() {
	c.flush()
	c.end("closed", false)
}

// Reset breaks the connection at once: RST on a socket; on a [Pipe] see
// [PipeConn.Reset]. It may be called from any goroutine, again too.
func (c *Conn) Reset() { c.end("reset", true) }

// ended reports whether the connection was closed or reset here.
func (c *Conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// isClosed reports whether it is over for whatever reason.
func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over || c.lost
}

// gone notes that reading found the end of the connection.
func (c *Conn) gone(err error) {
	c.mu.Lock()
	known := c.over || c.lost
	c.lost = true
	c.mu.Unlock()
	if known {
		return
	}
	if err == nil || err == io.EOF {
		c.note("closed by the client")
	} else {
		c.note("lost: %v", err)
	}
}

func (c *Conn) end(how string, reset bool) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	conn, lost := c.tls, c.lost
	c.mu.Unlock()
	if !lost {
		c.note("%s", how)
	}
	c.server.ended(c)

	switch {
	case reset:
		resetConn(c.raw)
	default:
		// The lock is only tried: who holds it may be stuck in a full window.
		select {
		case c.writing <- struct{}{}:
			if conn != nil && !lost {
				conn.CloseWrite()
			}
			<-c.writing
		default:
		}
		if w, ok := c.raw.(interface{ CloseWrite() error }); ok && c.server.ctx.Err() == nil {
			c.raw.SetDeadline(time.Unix(1, 0)) // wakes a blocked read or write
			w.CloseWrite()                     // the rest is linger's
		} else {
			c.raw.Close()
		}
	}
	c.cancel()
}

func resetConn(conn net.Conn) {
	switch conn := conn.(type) {
	case interface{ Reset() error }:
		conn.Reset()
		return
	case interface{ SetLinger(int) error }:
		conn.SetLinger(0)
	}
	conn.Close()
}

// linger ends a connection whose FIN was sent, when the client is there still.
func (c *Conn) linger() {
	defer c.raw.Close()
	c.mu.Lock()
	lost := c.lost
	c.mu.Unlock()
	if _, ok := c.raw.(interface{ CloseWrite() error }); !ok || lost {
		return
	}
	<-c.ctx.Done() // end may still be at work on another goroutine
	if c.raw.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		io.CopyN(io.Discard, c.raw, lingerOctets)
	}
}
