package smtptest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// defaultPipeSize is what a [Pipe] holds in each direction unless told.
const defaultPipeSize = 64 << 10

// Pipe makes a connection in memory and returns its two ends. size is how many
// octets it holds in each direction; 0 or less means 64 KiB. A Write that does
// not fit blocks until the other end reads, as with a full TCP window.
//
// A Read returns octets of one Write at most, so what is written apart is read
// apart and what is written together is, given room, read together.
//
// Both ends block only on a sync.Cond, which is durable inside a
// testing/synctest bubble, when the pipe was made there.
func Pipe(size int) (client, server *PipeConn) {
	return newPipe(size,
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000},
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 25), Port: 25})
}

func newPipe(size int, clientAddr, serverAddr net.Addr) (client, server *PipeConn) {
	if size <= 0 {
		size = defaultPipeSize
	}
	up, down := newStream(size), newStream(size)
	client = &PipeConn{in: down, out: up, local: clientAddr, remote: serverAddr}
	server = &PipeConn{in: up, out: down, local: serverAddr, remote: clientAddr}
	return client, server
}

// PipeConn is one end of a [Pipe]. Its methods may be called from any
// goroutine at the same time.
//
// Its errors are those of a TCP connection: [*net.OpError] around
// [os.ErrDeadlineExceeded], [net.ErrClosed], [syscall.ECONNRESET] (the other
// end was reset) or [syscall.EPIPE] (a write after the other end was closed).
type PipeConn struct {
	in, out       *stream
	local, remote net.Addr
}

var _ net.Conn = (*PipeConn)(nil)

// Read reads what the other end wrote. It returns io.EOF when the other end
// was closed and all its octets are read. A past deadline wins over octets that
// wait.
func (p *PipeConn) Read(b []byte) (int, error) {
	n, err := p.in.read(b)
	return n, p.opError("read", err)
}

// Write writes to the other end and blocks while the pipe is full. Several
// Writes at the same time are written one after the other, never mixed. With an
// error it returns how many octets went in.
func (p *PipeConn) Write(b []byte) (int, error) {
	n, err := p.out.write(b)
	return n, p.opError("write", err)
}

// Close closes this end. The other end reads what is on its way and then
// io.EOF; its writes fail with [syscall.EPIPE]. The second Close fails with
// [net.ErrClosed].
func (p *PipeConn) Close() error {
	return p.end(false)
}

// CloseWrite ends this end's writing as a TCP FIN does: the other end reads what
// is on its way and then io.EOF, and may still write.
func (p *PipeConn) CloseWrite() error {
	if !p.out.endWriter(false) {
		return p.opError("close", net.ErrClosed)
	}
	return nil
}

// Reset closes this end as a TCP RST does: what is on its way is lost, and
// reads and writes of the other end fail at once with [syscall.ECONNRESET].
func (p *PipeConn) Reset() error {
	return p.end(true)
}

func (p *PipeConn) end(reset bool) error {
	// Outwards first: who is woken by the end of reading may close this end too,
	// and an orderly end must not get ahead of the reset.
	p.out.endWriter(reset)
	if !p.in.endReader(reset) {
		return p.opError("close", net.ErrClosed)
	}
	return nil
}

// LocalAddr returns this end's address, a *net.TCPAddr.
func (p *PipeConn) LocalAddr() net.Addr { return p.local }

// RemoteAddr returns the other end's address, a *net.TCPAddr.
func (p *PipeConn) RemoteAddr() net.Addr { return p.remote }

// SetDeadline sets both deadlines. See [net.Conn].
func (p *PipeConn) SetDeadline(t time.Time) error {
	if err := p.SetReadDeadline(t); err != nil {
		return err
	}
	return p.SetWriteDeadline(t)
}

// SetReadDeadline sets the time after which reads fail, also one that is
// blocked now. The zero time means none.
func (p *PipeConn) SetReadDeadline(t time.Time) error {
	return p.opError("set", p.in.setReadDeadline(t))
}

// SetWriteDeadline sets the time after which writes fail, also one that is
// blocked now. The zero time means none.
func (p *PipeConn) SetWriteDeadline(t time.Time) error {
	return p.opError("set", p.out.setWriteDeadline(t))
}

func (p *PipeConn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if _, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, err)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: p.local, Addr: p.remote, Err: err}
}

// stream is one direction of a pipe.
type stream struct {
	size int

	mu   sync.Mutex
	cond *sync.Cond // any change below

	buf     []byte
	cuts    []int // lengths of the writes that buf holds
	writing bool  // a write is under way; the next one waits

	readerGone, readerReset bool
	writerGone, writerReset bool
	readLimit, writeLimit   deadline
}

func newStream(size int) *stream {
	s := &stream{size: size}
	s.cond = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readerGone:
			return 0, net.ErrClosed
		case s.readLimit.past:
			return 0, os.ErrDeadlineExceeded
		case s.writerReset:
			return 0, syscall.ECONNRESET
		case len(b) == 0:
			return 0, nil
		case len(s.buf) > 0:
			return s.take(b), nil
		case s.writerGone:
			return 0, io.EOF
		}
		s.cond.Wait()
	}
}

func (s *stream) take(b []byte) int {
	n := copy(b, s.buf[:s.cuts[0]])
	s.buf = s.buf[n:]
	if s.cuts[0] -= n; s.cuts[0] == 0 {
		s.cuts = s.cuts[1:]
	}
	if len(s.buf) == 0 {
		s.buf, s.cuts = nil, nil
	}
	s.cond.Broadcast()
	return n
}

func (s *stream) write(b []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing && s.writeError() == nil {
		s.cond.Wait()
	}
	if err := s.writeError(); err != nil {
		return 0, err
	}
	s.writing = true
	defer func() {
		s.writing = false
		s.cond.Broadcast()
	}()
	for len(b) > 0 {
		if err := s.writeError(); err != nil {
			return n, err
		}
		k := min(s.size-len(s.buf), len(b))
		if k == 0 {
			s.cond.Wait()
			continue
		}
		s.buf = append(s.buf, b[:k]...)
		s.cuts = append(s.cuts, k)
		b, n = b[k:], n+k
		s.cond.Broadcast()
	}
	return n, nil
}

func (s *stream) writeError() error {
	switch {
	case s.writerGone:
		return net.ErrClosed
	case s.writeLimit.past:
		return os.ErrDeadlineExceeded
	case s.readerReset:
		return syscall.ECONNRESET
	case s.readerGone:
		return syscall.EPIPE
	}
	return nil
}

// endReader reports whether the reader was there until now.
func (s *stream) endReader(reset bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readerGone {
		return false
	}
	s.readerGone, s.readerReset = true, reset
	s.buf, s.cuts = nil, nil // nobody will read it
	s.readLimit.stop()
	s.cond.Broadcast()
	return true
}

// endWriter reports whether the writer was there until now. A reset comes through
// also after an orderly end.
func (s *stream) endWriter(reset bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writerGone && (s.writerReset || !reset) {
		return false
	}
	first := !s.writerGone
	s.writerGone, s.writerReset = true, reset
	if reset {
		s.buf, s.cuts = nil, nil
	}
	s.writeLimit.stop()
	s.cond.Broadcast()
	return first
}

func (s *stream) setReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readerGone {
		return net.ErrClosed
	}
	s.readLimit.set(s, t)
	return nil
}

func (s *stream) setWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writerGone {
		return net.ErrClosed
	}
	s.writeLimit.set(s, t)
	return nil
}

// deadline is guarded by its stream's mutex.
type deadline struct {
	past  bool
	timer *time.Timer
	round int // a timer of an earlier round has nothing to say
}

func (d *deadline) stop() {
	d.round++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) set(s *stream, t time.Time) {
	d.stop()
	d.past = false
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.past = true
		s.cond.Broadcast()
		return
	}
	round := d.round
	d.timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.round == round {
			d.past = true
			s.cond.Broadcast()
		}
	})
}
