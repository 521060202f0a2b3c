//go:build unix && !aix

package transport

import (
	"net"
	"os"
	"syscall"
)

// peeker looks at a socket and takes nothing from it, but for a pending error:
// the kernel tells a reset only once, so the peeker keeps it. It also knows the
// way past package net that long writes take. One goroutine uses it.
type peeker struct {
	raw   syscall.RawConn
	see   func(fd uintptr) bool // reports whether a read would not block; kept, since to make it allocates
	look  func(fd uintptr)      // sets ready
	ready bool
	fault error // the socket's error

	pushing pushing
	step    func(fd uintptr) bool // of it; kept as the others, from the first long write on
}

// newPeeker returns what peeks at c, nil if c is not a socket of package net:
// the Read of another type may hold octets that its socket no longer has.
func newPeeker(c net.Conn) *peeker {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return nil
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil
	}
	p := &peeker{raw: raw}
	p.see = p.readable
	p.look = func(fd uintptr) { p.ready = p.readable(fd) }
	return p
}

// wait waits until a read would not block: octets, an end or an error. It looks
// at the socket on every call, since the poller tells an edge only once. An
// error of the socket is returned.
func (p *peeker) wait() error {
	if err := p.raw.Read(p.see); err != nil {
		return err
	}
	return p.fault
}

// now looks once.
func (p *peeker) now() bool { return p.raw.Control(p.look) != nil || p.ready }

// err returns the error of the socket that a look has taken, if there was one.
func (p *peeker) err() error { return p.fault }

func (p *peeker) readable(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch err {
		case nil:
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return false
		default:
			p.fault = os.NewSyscallError("recvfrom", err)
		}
		return true
	}
}
