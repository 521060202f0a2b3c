package transport

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// errCut is what I/O on a cut connection fails with.
var errCut = errors.New("connection cut")

// errWouldBlock is what a read under TLS fails with when its budget is spent.
// It says Temporary, or crypto/tls would fail every later read with it.
var errWouldBlock net.Error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "read would block" }
func (wouldBlock) Timeout() bool   { return false }
func (wouldBlock) Temporary() bool { return true }

// socket is the connection below TLS, as crypto/tls or, without TLS, the Conn
// itself reads it.
type socket struct {
	net.Conn
	// budget is how many reads may still reach the socket; under 0 all may, and
	// block.
	budget int
	// stash holds octets that parking read where it could not peek.
	stash []byte

	wrote, read atomic.Int64 // octets, beneath TLS
}

func (s *socket) Read(p []byte) (int, error) {
	if len(s.stash) > 0 {
		n := copy(p, s.stash)
		s.stash = s.stash[n:]
		if len(s.stash) == 0 {
			s.stash = nil
		}
		return n, nil
	}
	switch {
	case s.budget == 0:
		return 0, errWouldBlock
	case s.budget > 0:
		s.budget--
	}
	return s.take(p)
}

// take reads from the connection, and counts.
func (s *socket) take(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.read.Add(int64(n))
	return n, err
}

// Write writes to the connection, and counts.
func (s *socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.wrote.Add(int64(n))
	return n, err
}

// SetDeadline and its kin do nothing: only Conn arms deadlines, under its lock.
func (s *socket) SetDeadline(time.Time) error      { return nil }
func (s *socket) SetReadDeadline(time.Time) error  { return nil }
func (s *socket) SetWriteDeadline(time.Time) error { return nil }
