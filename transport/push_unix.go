//go:build unix && !aix

package transport

import (
	"cmp"
	"io"
	"os"
	"syscall"
)

// maxPush is the most that one system call is given: some systems refuse 2 GiB.
const maxPush = 1 << 30

// pushing is one long write under way.
type pushing struct {
	conn    *Conn
	pace    *Pace
	whole   []byte
	written int
	covered int // how far the deadline reaches
	fault   error
}

// push writes b by as few system calls as the kernel needs. A deadline has been
// set, and moves on.
func (p *peeker) push(c *Conn, b []byte, pace *Pace) error {
	p.pushing = pushing{conn: c, pace: pace, whole: b, covered: maxWrite}
	err := p.raw.Write(p.more)
	err = cmp.Or(p.pushing.fault, err)
	p.pushing = pushing{}
	return err
}

// more writes what the kernel takes, and reports whether that was the last.
func (p *pushing) more(fd uintptr) bool {
	for p.fault == nil && p.written < len(p.whole) {
		n, err := syscall.Write(int(fd), p.whole[p.written:min(p.written+maxPush, len(p.whole))])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			p.fault = os.NewSyscallError("write", err)
		case n == 0:
			p.fault = io.ErrUnexpectedEOF
		default:
			p.fault = p.moved(n)
		}
	}
	return true
}

// moved notes what was taken, and lets the deadline follow.
func (p *pushing) moved(n int) error {
	p.written += n
	p.conn.sock.wrote.Add(int64(n))
	err := p.pace.moved(int64(n))
	if err != nil || p.written < p.covered || p.written == len(p.whole) {
		return err
	}
	p.covered = p.written + maxWrite
	return p.conn.arm(p.pace.deadline(len(p.whole) - p.written))
}
