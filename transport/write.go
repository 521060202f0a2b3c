package transport

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// maxWrite is how many octets one deadline covers: a slow reader of a large
// message is no dead one.
const maxWrite = 64 << 10

// Pace limits how slowly a server may take what is written.
type Pace struct {
	// Block is the wait for 64 KiB, or the less that is left; 0 is none.
	Block time.Duration
	// Rate is the least rate in octets a second; 0 is any.
	Rate int64
	// Moved, if not nil, is told each time of how many octets more have been
	// taken. It runs in the middle of the write and must not write itself.
	Moved func(octets int64)
}

// limit returns the wait for the next of n octets.
func (p Pace) limit(n int) time.Duration {
	if p.Rate <= 0 {
		return p.Block
	}
	n = min(n, maxWrite)
	least := max(time.Duration(int64(n)*int64(time.Second)/p.Rate), time.Millisecond)
	if p.Block > 0 {
		return min(p.Block, least)
	}
	return least
}

func (p Pace) moved(n int64) {
	if p.Moved != nil && n > 0 {
		p.Moved(n)
	}
}

// records gathers pieces for TLS, so that they make few records.
var records = sync.Pool{New: func() any { b := make([]byte, 0, maxWrite); return &b }}

// WritePieces writes pieces in their order: short ones together, on plain TCP by
// one system call and within TLS in one record if they fit; of a long one on
// plain TCP as much at a time as the kernel takes. The deadline moves with each
// 64 KiB that are taken. It returns how many octets the kernel has taken for
// certain; within TLS what an error cut off does not count. pieces is used up.
func (c *Conn) WritePieces(pieces [][]byte, pace Pace) (int64, error) {
	var written int64
	for len(pieces) > 0 {
		n, octets := together(pieces)
		var rest []byte
		if n > 0 && n < len(pieces) { // a header goes with what it is of
			room := maxWrite - octets
			pieces[n], rest = pieces[n][:room], pieces[n][room:]
			n, octets = n+1, maxWrite
		}
		var taken int64
		var err error
		if n == 0 {
			n = 1
			taken, err = c.writeLong(pieces[0], pace)
		} else {
			taken, err = c.writeShort(pieces[:n], octets, pace)
		}
		written += taken
		if err != nil {
			return written, c.failure(err, false)
		}
		if rest != nil {
			n--
			pieces[n] = rest
		}
		pieces = pieces[n:]
	}
	return written, nil
}

// together returns how many whole pieces one deadline covers, and their octets.
func together(pieces [][]byte) (n, octets int) {
	for n < len(pieces) && octets+len(pieces[n]) <= maxWrite {
		octets += len(pieces[n])
		n++
	}
	return n, octets
}

// writeShort writes pieces that one deadline covers.
func (c *Conn) writeShort(group [][]byte, octets int, pace Pace) (taken int64, err error) {
	if err := c.arm(in(pace.limit(octets))); err != nil {
		return 0, err
	}
	if len(group) == 1 {
		taken, err = c.writeOne(group[0])
	} else {
		taken, err = c.writeMany(group)
	}
	pace.moved(taken)
	return taken, err
}

// writeLong writes one piece that is longer.
func (c *Conn) writeLong(b []byte, pace Pace) (written int64, err error) {
	if err := c.arm(in(pace.limit(len(b)))); err != nil {
		return 0, err
	}
	if c.tls == nil && c.peek != nil {
		return c.peek.push(c, b, pace)
	}
	for {
		taken, err := c.writeOne(b[written:min(int(written)+maxWrite, len(b))])
		written += taken
		pace.moved(taken)
		if err != nil || written == int64(len(b)) {
			return written, err
		}
		if err := c.arm(in(pace.limit(len(b) - int(written)))); err != nil {
			return written, err
		}
	}
}

// WriteFile writes n octets of a regular file from its current offset on, on
// plain TCP without a look at them (sendfile, where the system has it). What
// applies to WritePieces applies here. A file that ends before is an
// io.ErrUnexpectedEOF.
func (c *Conn) WriteFile(f *os.File, n int64, pace Pace) (written int64, err error) {
	var to io.Writer = c.sock.Conn
	if c.tls != nil {
		to = c.tls
	}
	block := io.LimitedReader{R: f}
	for written < n {
		block.N = min(n-written, maxWrite)
		if err := c.arm(in(pace.limit(int(block.N)))); err != nil {
			return written, c.failure(err, false)
		}
		taken, err := io.Copy(to, &block)
		written += taken
		pace.moved(taken)
		if err == nil && block.N > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return written, c.failure(err, false)
		}
	}
	return written, nil
}

func (c *Conn) writeOne(b []byte) (int64, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if c.tls == nil {
		n, err := c.sock.Conn.Write(b)
		return int64(n), err
	}
	if _, err := c.tls.Write(b); err != nil {
		return 0, err
	}
	return int64(len(b)), nil
}

func (c *Conn) writeMany(group [][]byte) (int64, error) {
	b := c.use()
	if c.tls == nil {
		b.vector = net.Buffers(group)
		return b.vector.WriteTo(c.sock.Conn)
	}
	kept := records.Get().(*[]byte)
	for _, p := range group {
		*kept = append(*kept, p...)
	}
	taken, err := c.writeOne(*kept)
	clear(*kept)
	*kept = (*kept)[:0]
	records.Put(kept)
	return taken, err
}
