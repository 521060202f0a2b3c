//go:build !unix || aix

package transport

import (
	"errors"
	"net"
)

// peeker has no use here: without MSG_DONTWAIT parking reads a few octets aside
// instead of peeking.
type peeker struct{}

func newPeeker(net.Conn) *peeker { return nil }

func (*peeker) wait() error { return nil }

func (*peeker) now() bool { return false }

func (*peeker) err() error { return nil }

func (*peeker) push(*Conn, []byte, *Pace) error { return errors.ErrUnsupported }
