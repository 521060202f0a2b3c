//go:build unix

package transport

import (
	"net"
	"syscall"
)

// rawConn returns what peeks at c, nil if c has no socket.
func rawConn(c net.Conn) syscall.RawConn {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	sys, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return sys
}

// awaitReadable waits until a read would not block: octets, an end or an error.
// It looks at the socket on every call, since the poller tells an edge only
// once.
func awaitReadable(sys syscall.RawConn) error { return sys.Read(readable) }

// readableNow looks once.
func readableNow(sys syscall.RawConn) (ready bool) {
	err := sys.Control(func(fd uintptr) { ready = readable(fd) })
	return ready || err != nil
}

func readable(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return false
		}
		return true
	}
}
