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

// pushing is one long write under way, by as few system calls as the kernel
// needs. A deadline has been set, and moves on.
type pushing struct {
	conn    *Conn
	pace    *Pace
	octets  []byte // of push
	whole   int64
	written int64
	covered int64 // how far the deadline reaches
	fault   error
}

// push writes b.
func (p *peeker) push(c *Conn, b []byte, pace *Pace) error {
	p.pushing = pushing{conn: c, pace: pace, octets: b, whole: int64(len(b)), covered: maxWrite}
	err := p.raw.Write(p.step)
	err = cmp.Or(p.pushing.fault, err)
	p.pushing = pushing{}
	return err
}

func (p *pushing) step(fd uintptr) bool {
	return p.more(func(from, to int64) (int, error) {
		n, err := syscall.Write(int(fd), p.octets[from:to])
		if n == 0 && err == nil {
			err = io.ErrUnexpectedEOF
		}
		return n, err
	})
}

// more writes what the kernel takes, and reports whether that was the last.
func (p *pushing) more(write func(from, to int64) (int, error)) bool {
	for p.fault == nil && p.written < p.whole {
		n, err := write(p.written, min(p.written+maxPush, p.whole))
		switch err {
		case nil:
			p.fault = p.moved(n)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		case io.ErrUnexpectedEOF:
			p.fault = err
		default:
			p.fault = os.NewSyscallError("write", err)
		}
	}
	return true
}

// moved notes what was taken, and lets the deadline follow.
func (p *pushing) moved(n int) error {
	p.written += int64(n)
	err := p.pace.moved(int64(n))
	if err != nil || p.written < p.covered || p.written == p.whole {
		return err
	}
	p.covered = p.written + maxWrite
	return p.conn.arm(p.pace.deadline(int(min(p.whole-p.written, maxWrite))))
}
