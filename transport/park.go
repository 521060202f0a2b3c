package transport

import (
	"errors"
	"io"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// Park waits until Wake or Cut is called or the server has something to say,
// whichever is first, with no timer and no buffer held. resting is called under
// the lock: false means that there is work already and Park returns at once.
//
// It returns true if the server spoke or left; [Conn.ReadUnsolicited] tells
// what. False means to look at the mailbox; it may be empty.
//
// Two things look simpler and lose wake-ups: to let the first call of
// RawConn.Read say "not ready" (the poller is edge-triggered and forgets an
// edge that has come), and to trust the socket's readiness (TLS may hold what
// came in the same segment as the last reply).
func (c *Conn) Park(resting func() bool) bool {
	if !c.Drain() {
		return true
	}
	for {
		c.release()
		c.lock.Lock()
		if c.cut || !resting() {
			c.lock.Unlock()
			return false
		}
		if err := c.set(time.Time{}); err != nil { // no timer while it rests
			c.lock.Unlock()
			c.fail = err
			return true
		}
		c.parked = true
		c.lock.Unlock()

		err := c.await()

		c.lock.Lock()
		c.parked = false
		if err == nil && !c.cut {
			// Wake may have left a past deadline, and TLS answers a KeyUpdate with
			// a write of its own.
			_ = c.set(in(c.line))
		}
		c.lock.Unlock()
		switch {
		case err == nil:
			if c.heard() {
				return true
			}
			// A TLS ticket, a KeyUpdate or half a record: nothing for us.
		case isDeadline(err):
			return false
		default:
			c.fail = err
			return true
		}
	}
}

// Drain reports whether nothing of the server is held here unread: neither in
// the buffer nor, decrypted or not, by TLS. It makes no system call. Park does
// it by itself; to call it before spares Park the depth of TLS's stack.
func (c *Conn) Drain() bool {
	if c.Buffered() > 0 || c.fail != nil {
		return false
	}
	if !c.drained {
		c.drained = !c.heardThroughTLS(0)
	}
	return c.drained
}

// await waits for the socket to be readable.
func (c *Conn) await() error {
	if c.peek != nil {
		return c.peek.wait()
	}
	return c.readAside()
}

// readAside waits where the socket cannot be peeked at: it reads up to 64
// octets, below TLS, and keeps them aside.
func (c *Conn) readAside() error {
	aside := make([]byte, 64)
	n, err := c.sock.take(aside)
	if n > 0 {
		c.sock.stash = aside[:n]
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// heard reads once what is readable, and tells whether it says something.
func (c *Conn) heard() bool {
	budget := 1
	if c.peek == nil {
		budget = 0 // the stash holds it
	}
	if c.tls != nil {
		return c.heardThroughTLS(budget)
	}
	return c.spoke(c.fillWithin(budget))
}

// heardThroughTLS lets TLS look at what it holds and at budget reads of the
// socket; with 0 it makes no system call.
func (c *Conn) heardThroughTLS(budget int) bool {
	return c.tls != nil && c.spoke(c.fillWithin(budget))
}

func (c *Conn) fillWithin(budget int) error {
	c.sock.budget = budget
	err := c.fill()
	c.sock.budget = -1
	return err
}

// spoke judges the result of a read that does not block.
func (c *Conn) spoke(err error) bool {
	if errors.Is(err, errWouldBlock) {
		return false
	}
	if err != nil {
		c.fail = err
	}
	return true
}

// Quiet looks once, without waiting, whether the server has said something or
// left since its last reply: before the first write of a request this makes a
// lost connection known while nothing has been sent.
func (c *Conn) Quiet() bool {
	if !c.Drain() {
		return false
	}
	if c.peek == nil || !c.peek.now() {
		return true
	}
	if err := c.peek.err(); err != nil {
		c.fail = err
		return false
	}
	return c.arm(in(c.line)) != nil || !c.heard()
}

// ReadUnsolicited reads what the server said unasked and returns it as an
// error: a 4yz or 5yz is its goodbye and comes with the reply (421 by RFC 5321
// 3.8; real servers say 451 too), an end is a lost connection, anything else
// breaks the protocol. Half a line is waited for no longer than limit.
func (c *Conn) ReadUnsolicited(limit time.Duration) *smtp.Error {
	r, err := c.ReadReply(limit, true)
	switch {
	case err != nil:
		return c.failure(err, false)
	case r.Negative():
		return &smtp.Error{Kind: smtp.KindReply, Reply: r, Permanent: r.Permanent()}
	}
	return &smtp.Error{Kind: smtp.KindProtocol, Reply: r, Err: errors.New("a reply to no command")}
}
