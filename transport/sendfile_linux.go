package transport

import (
	"io"
	"os"
	"syscall"
)

// sendFile is push for n octets of a file from at on. known is false where the
// file is of a kind that the kernel does not send; then nothing was written.
func (p *peeker) sendFile(c *Conn, f *os.File, at, n int64, pace *Pace) (known bool, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	if err := c.arm(pace.deadline(int(min(n, maxWrite)))); err != nil {
		return true, err
	}
	known = true
	sending := pushing{conn: c, pace: pace, whole: n, covered: maxWrite}
	offset := at
	var wait error
	err = raw.Control(func(in uintptr) { // which keeps it open
		wait = p.raw.Write(func(out uintptr) bool {
			return sending.more(func(from, to int64) (int, error) {
				written, err := syscall.Sendfile(int(out), int(in), &offset, int(to-from))
				switch err {
				case syscall.EINVAL, syscall.ENOSYS, syscall.EOPNOTSUPP:
					known = from > 0
				}
				if written == 0 && err == nil {
					err = io.ErrUnexpectedEOF
				}
				return written, err
			})
		})
	})
	for _, e := range []error{sending.fault, wait} {
		if e != nil {
			return known, e
		}
	}
	return known, err
}
