//go:build !unix

package transport

import (
	"net"
	"syscall"
)

// rawConn returns nil: there is no MSG_DONTWAIT here, so parking reads a few
// octets aside instead of peeking.
func rawConn(net.Conn) syscall.RawConn { return nil }

func awaitReadable(syscall.RawConn) error { return nil }

func readableNow(syscall.RawConn) bool { return false }
