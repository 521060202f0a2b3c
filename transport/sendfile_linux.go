package transport

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// sendFile is push for n octets of a file from at on. known is false where the
// file is of a kind that the kernel does not send; then nothing was written.
func (p *peeker) sendFile(c *Conn, f *os.File, at, n int64, pace *Pace) (known bool, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return true, contentError(err)
	}
	if err := c.arm(pace.deadline(int(min(n, maxWrite)))); err != nil {
		return true, err
	}
	defer func() { p.pushing = pushing{} }()
	offset, closed := at, error(nil)
	err = p.whole(c, n, pace, func(from, to int64) func(uintptr) bool {
		return func(out uintptr) (done bool) {
			closed = raw.Control(func(in uintptr) { // which keeps it open
				done = p.pushing.done(syscall.Sendfile(int(out), int(in), &offset, int(to-from)))
			})
			if closed != nil {
				p.pushing.fault = contentError(closed)
			}
			return done || closed != nil
		}
	})
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return true, contentError(err)
	case pace.written == 0 && (errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EOPNOTSUPP)):
		return false, nil
	}
	return true, err
}
