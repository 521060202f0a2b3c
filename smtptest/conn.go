package smtptest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// The longest lines a client may send, in octets.
const (
	maxLine     = 2000
	maxAuthLine = 12288
)

// ErrLineTooLong is returned by [Conn.ReadLine] after it has read over a line of
// more than 2,000 octets (12,288 for AUTH).
var ErrLineTooLong = errors.New("smtptest: line too long")

// Conn is one client connection as the server sees it. Unless said otherwise
// its methods are for the connection's goroutine, on which steps and scripts
// run.
type Conn struct {
	server *Server
	id     int
	raw    net.Conn
	ctx    context.Context // ends when this connection is closed here
	cancel context.CancelFunc

	// The connection's goroutine only.
	r          *bufio.Reader
	line       string // the command being answered
	recipient  string // whose end of the content is being answered, by LMTP
	frame      *frame // the step that runs now
	challenged bool   // the last reply was a 334: the next line answers it
	authSeen   bool   // from here an unknown line may be a secret that went astray
	session    session

	writing chan struct{} // held while writing; a channel, as a mutex is not durable in synctest

	mu      sync.Mutex
	pending []byte   // replies that wait for the end of a batch
	spoken  bool     // something was written
	rw      net.Conn // raw, or TLS on it
	tls     *tls.Conn
	shaking bool // inside a handshake
	over    bool // closed or reset here
	lost    bool // the client's end is known
}

func newConn(s *Server, id int, raw net.Conn) *Conn {
	c := &Conn{server: s, id: id, raw: raw, rw: raw, writing: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	c.r = bufio.NewReaderSize(source{c}, 4096)
	return c
}

// source writes out what waits before each read that may block: so replies are
// batched for as long as more commands are here (RFC 2920, section 3.2).
type source struct{ c *Conn }

func (s source) Read(p []byte) (int, error) {
	// A client that no longer reads may still have sent something.
	s.c.flush()
	if s.c.isClosed() {
		return 0, net.ErrClosed
	}
	return s.c.wire().Read(p)
}

func (c *Conn) wire() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rw
}

// Server returns the server.
func (c *Conn) Server() *Server { return c.server }

// ID returns the connection's number: 1, 2 and so on, in the order of accept.
func (c *Conn) ID() int { return c.id }

// Line returns the command line that is being answered, without its line end.
func (c *Conn) Line() string { return c.line }

// Recipient returns the address whose reply to the content is due, at the moment
// "CONTENT" with [Config.LMTP]. Elsewhere it is "".
func (c *Conn) Recipient() string { return c.recipient }

// NetConn returns the connection below TLS. Closing it cuts TLS without a
// close_notify.
func (c *Conn) NetConn() net.Conn { return c.raw }

// Context ends when the connection is closed here or the server is closed. It
// may be called from any goroutine.
func (c *Conn) Context() context.Context { return c.ctx }

// TLS returns the state of TLS and whether there is any.
func (c *Conn) TLS() (tls.ConnectionState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tls == nil || c.shaking {
		return tls.ConnectionState{}, false
	}
	return c.tls.ConnectionState(), true
}

// ReadLine writes out what waits, reads a command line and returns it without
// its line end, which is LF with or without a CR. It becomes [Conn.Line], and
// the caller has to answer it, by hand or with [Conn.Usual]. It returns
// [ErrLineTooLong] or the error of the connection.
func (c *Conn) ReadLine() (string, error) {
	c.takeOver()
	line, _, err := c.readLine()
	if err == nil {
		c.line = line
	}
	return line, err
}

// readLine reads and records a line, and says whether it answers a 334.
func (c *Conn) readLine() (line string, answer bool, err error) {
	if c.isClosed() {
		return "", false, net.ErrClosed
	}
	answer, c.challenged = c.challenged, false
	line, err = c.rawLine()
	if err != nil && err != ErrLineTooLong {
		c.gone(err)
		return "", answer, err
	}
	auth := answer || verbOf(line) == "AUTH"
	if err == nil && !auth && len(line) > maxLine {
		err = ErrLineTooLong
	}
	c.authSeen = c.authSeen || auth
	shown := redactCommand(line)
	if line != "*" && (answer || c.authSeen && !c.knows(verbOf(line))) {
		shown = redacted
	}
	c.server.record.add(c.id, FromClient, shown, !answer)
	c.countLine(verbOf(line), answer)
	if err != nil {
		return "", answer, err
	}
	return line, answer, nil
}

func (c *Conn) rawLine() (string, error) {
	var line []byte
	long := false
	for {
		part, err := c.r.ReadSlice('\n')
		if len(line)+len(part) <= maxAuthLine {
			line = append(line, part...)
		} else {
			long = true
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			if err == io.EOF && len(line) > 0 {
				c.note("cut line of %d octets", len(line))
			}
			return "", err
		}
		break
	}
	if long {
		return string(line), ErrLineTooLong
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
}

// StartTLS writes out what waits, forgets what the client sent ahead in clear
// (RFC 3207, section 4.2) and does the server's side of the handshake now. When
// it fails the connection is closed.
func (c *Conn) StartTLS() error {
	c.takeOver()
	if _, ok := c.TLS(); ok {
		return errors.New("smtptest: already within TLS")
	}
	if err := c.forgetClear(); err != nil {
		return err
	}
	conn := tls.Server(c.raw, c.server.cfg.TLS)
	c.mu.Lock()
	c.shaking = true
	c.mu.Unlock()
	err := conn.Handshake()
	c.mu.Lock()
	c.shaking = false
	if err == nil {
		c.tls, c.rw = conn, conn
	}
	c.mu.Unlock()
	if err != nil {
		if !c.isClosed() {
			c.note("TLS handshake failed: %v", err)
		}
		c.Close()
		return fmt.Errorf("smtptest: TLS handshake: %w", err)
	}
	c.session = session{}
	c.note("%s handshake", tls.VersionName(conn.ConnectionState().Version))
	c.server.record.count(func(n *Counts) { n.Handshakes++ })
	return nil
}

func (c *Conn) note(format string, args ...any) {
	c.server.record.note(c.id, format, args...)
}
