//go:build unix && !aix

package transport

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// maxPush is the most that one system call is given: some systems refuse 2 GiB.
const maxPush = 1 << 30

// pushing is one long write under way, by as few system calls as the kernel
// needs.
type pushing struct {
	octets []byte // of push
	taken  int    // by the newest call
	fault  error
}

// push writes b. A deadline has been set, and moves on.
func (p *peeker) push(c *Conn, b []byte, pace *Pace) error {
	defer func() { p.pushing = pushing{} }()
	if p.step == nil {
		p.step = p.pushing.step
	}
	return p.whole(c, int64(len(b)), pace, func(from, to int64) func(fd uintptr) bool {
		p.pushing.octets = b[from:to]
		return p.step
	})
}

// whole takes steps until n octets are written, and tells of each, outside of the
// socket's lock.
func (p *peeker) whole(c *Conn, n int64, pace *Pace, step func(from, to int64) func(fd uintptr) bool) error {
	for written, covered := int64(0), int64(maxWrite); written < n; {
		p.pushing.taken, p.pushing.fault = 0, nil
		err := p.raw.Write(step(written, min(written+maxPush, n)))
		if p.pushing.fault != nil {
			err = p.pushing.fault
		}
		if err != nil {
			return err
		}
		written += int64(p.pushing.taken)
		c.sock.wrote.Add(int64(p.pushing.taken))
		err = pace.moved(int64(p.pushing.taken))
		if written == n {
			return nil // and nothing is left that an error could end
		}
		if err == nil && written >= covered {
			covered = written + maxWrite
			err = c.arm(pace.deadline(int(min(n-written, maxWrite))))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// step writes what the kernel takes at once; false is to wait for room.
func (p *pushing) step(fd uintptr) bool {
	return p.done(syscall.Write(int(fd), p.octets))
}

// done judges what a system call returned.
func (p *pushing) done(n int, err error) bool {
	switch {
	case errors.Is(err, syscall.EINTR): // once more
		return p.fault == nil
	case errors.Is(err, syscall.EAGAIN):
		return false
	case err != nil:
		p.fault = os.NewSyscallError("write", err)
	case n == 0:
		p.fault = io.ErrUnexpectedEOF
	default:
		p.taken = n
	}
	return true
}
