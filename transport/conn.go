package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// Conn is one connection to a server: commands out, replies in.
//
// One goroutine, the owner, calls its methods; Wake and Cut are for others, who
// hold the lock given to NewConn. That lock also guards every change of a
// deadline: a fresh deadline never overwrites the past one of a Cut.
type Conn struct {
	lock    *sync.Mutex
	sock    socket
	tls     *tls.Conn
	buf     *buffer       // nil while nothing is buffered and the connection rests
	peek    *peeker       // nil where the socket cannot be peeked at
	fail    error         // what a read while parking ended with
	drained bool          // TLS holds nothing, since the last read of the socket
	line    time.Duration // the limit for one more line of a reply; 0 for none

	cut    bool      // under lock
	parked bool      // under lock
	armed  time.Time // under lock: the deadline that was set last, zero for none; not the past ones of Wake and Cut
}

// buffer is what a Conn holds only while it is in use.
type buffer struct {
	octets [2048]byte
	r, w   int
	parser smtp.Parser
	out    []byte
	vector net.Buffers // of a write in several pieces
}

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// aLongTimeAgo is a deadline that has passed.
func aLongTimeAgo() time.Time { return time.Unix(1, 0) }

// NewConn returns a Conn on c. lock is the owner's. line limits the wait for
// one more line of a reply that has begun; 0 means no limit of its own.
func NewConn(c net.Conn, lock *sync.Mutex, line time.Duration) *Conn {
	return &Conn{lock: lock, sock: socket{Conn: c, budget: -1}, peek: newPeeker(c), line: line}
}

// Octets returns how many octets have been written and read, beneath TLS. It may
// be called from anywhere, at any time, without the lock.
func (c *Conn) Octets() (written, read int64) { return c.sock.wrote.Load(), c.sock.read.Load() }

// NetConn returns the connection below TLS.
func (c *Conn) NetConn() net.Conn { return c.sock.Conn }

// TLS returns the TLS connection, nil if there is none. Only its
// ConnectionState may be used, which is safe from anywhere.
func (c *Conn) TLS() *tls.Conn { return c.tls }

// Close closes the socket at once; TLS says no goodbye, for its alert may wait
// for a full window.
func (c *Conn) Close() error {
	c.release()
	return c.sock.Conn.Close()
}

// Abort makes the coming Close a reset, where the connection knows such: the
// other end learns that something was cut off.
func (c *Conn) Abort() {
	if tcp, ok := c.sock.Conn.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
}

// Cut interrupts whatever the connection waits for, now and later: every read
// and write from here on fails. The caller holds the lock.
func (c *Conn) Cut() {
	if !c.cut {
		c.cut = true
		_ = c.sock.Conn.SetDeadline(aLongTimeAgo())
	}
}

// Wake ends a Park, if there is one. The caller holds the lock.
func (c *Conn) Wake() {
	if c.parked {
		c.parked = false
		_ = c.sock.Conn.SetReadDeadline(aLongTimeAgo())
	}
}

// arm sets the deadline of reads and writes, unless the connection is cut. Both
// at once: a read of TLS may have to answer a KeyUpdate, and one timer does.
func (c *Conn) arm(deadline time.Time) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.cut {
		return errCut
	}
	return c.set(deadline)
}

// slack is how much before its time the deadline of a reply may pass, so that the one
// that was set for its command does for both.
const slack = time.Millisecond

// keep is arm for waits much longer than slack: it leaves a deadline that stands and is
// earlier by less than that.
func (c *Conn) keep(deadline time.Time) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	switch {
	case c.cut:
		return errCut
	case !c.armed.IsZero() && !deadline.Before(c.armed) && deadline.Sub(c.armed) < slack:
		return nil
	}
	return c.set(deadline)
}

// set sets the deadline of reads and writes. The caller holds the lock.
func (c *Conn) set(deadline time.Time) error {
	c.armed = time.Time{}
	err := c.sock.Conn.SetDeadline(deadline)
	if err == nil {
		c.armed = deadline
	}
	return err
}

// failure gives a failed read or write its kind: the deadline that passed on a
// connection that was cut is the cut's.
func (c *Conn) failure(err error, partial bool) *smtp.Error {
	e := ioError(err, partial)
	if e.Kind != smtp.KindTimeout {
		return e
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.cut {
		return ioError(errCut, false)
	}
	return e
}

// in returns the deadline that a wait of d means from now; 0 is none.
func in(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

// Handshake makes the connection TLS, as a client. cfg is from
// [TLSPolicy.Config]; fallback only chooses the words of an error. It returns
// what verification would have said where cfg skips it.
func (c *Conn) Handshake(cfg *tls.Config, fallback bool, timeout time.Duration) (unverified error, err error) {
	if c.Buffered() > 0 {
		return nil, &smtp.Error{Kind: smtp.KindProtocol, Err: fmt.Errorf(
			"%d octets in clear before the TLS handshake (RFC 3207 5): somebody injects commands", c.Buffered())}
	}
	c.release()
	if err := c.arm(in(timeout)); err != nil {
		return nil, ioError(err, false)
	}
	t := tls.Client(&c.sock, cfg)
	if err := t.Handshake(); err != nil {
		if e := handshakeError(err, fallback); e.Kind != smtp.KindTimeout {
			return nil, e
		}
		return nil, c.failure(err, false)
	}
	c.tls, c.drained = t, false
	return verdict(cfg, t.ConnectionState()), nil
}

// Ahead returns what the server said that belongs to no reply read so far, as
// far as it is here already, decrypted or not. It is good until the next read.
func (c *Conn) Ahead() []byte {
	if c.Drain() || c.buf == nil {
		return nil
	}
	return c.buf.octets[c.buf.r:c.buf.w]
}

// Buffered returns how many octets of the server are here that belong to no
// reply read so far.
func (c *Conn) Buffered() int {
	if c.buf == nil {
		return 0
	}
	return c.buf.w - c.buf.r
}

// WriteLine sends one command line and its CRLF in one write. A limit of 0 is
// none.
func (c *Conn) WriteLine(line string, limit time.Duration) error {
	b := c.use()
	b.out = append(append(b.out[:0], line...), "\r\n"...)
	if err := c.arm(in(limit)); err != nil {
		return ioError(err, false)
	}
	_, err := c.writeOne(b.out)
	clear(b.out) // it may have been a secret, and the buffer is used by others
	if err != nil {
		return c.failure(err, false)
	}
	return nil
}

// ReadReply reads one reply. limit is for the whole of it, from now; each line
// after the first also has the limit given to NewConn. enhanced says whether an
// enhanced code may begin the text.
//
// An error leaves the connection unusable. A refusal that ends a reply which
// breaks the protocol is in the error (see [smtp.Parser]).
func (c *Conn) ReadReply(limit time.Duration, enhanced bool) (smtp.Reply, error) {
	b := c.use()
	b.parser.Reset()
	deadline := in(limit)
	for seen := -1; ; {
		if b.r < b.w {
			n, done, err := b.parser.Feed(b.octets[b.r:b.w])
			b.r += n
			if err != nil {
				return smtp.Reply{}, err
			}
			if done {
				return b.parser.Reply(enhanced), nil
			}
		}
		if lines := b.parser.Lines(); lines != seen {
			until, arm := deadline, c.arm
			if c.line > 0 && lines > 0 && (until.IsZero() || time.Until(until) > c.line) {
				until = in(c.line)
			}
			if seen < 0 && limit > 10*slack {
				arm = c.keep
			}
			seen = lines
			if err := arm(until); err != nil {
				return smtp.Reply{}, ioError(err, false)
			}
		}
		if err := c.fill(); err != nil {
			return smtp.Reply{}, c.failure(err, b.parser.Started())
		}
	}
}

// fill reads once into the empty buffer.
func (c *Conn) fill() error {
	if c.fail != nil {
		return c.fail
	}
	c.drained = false
	b := c.use()
	b.r, b.w = 0, 0
	var r io.Reader = &c.sock
	if c.tls != nil {
		r = c.tls
	}
	n, err := r.Read(b.octets[:])
	b.w = n
	if n > 0 {
		if err != nil && !errors.Is(err, errWouldBlock) {
			c.fail = err
		}
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// use returns the buffer, taking one if the connection rested.
func (c *Conn) use() *buffer {
	if c.buf == nil {
		c.buf = buffers.Get().(*buffer)
		c.buf.r, c.buf.w = 0, 0
	}
	return c.buf
}

// release gives the buffer back. What was not read of it is lost.
func (c *Conn) release() {
	if c.buf != nil {
		buffers.Put(c.buf)
		c.buf = nil
	}
}
