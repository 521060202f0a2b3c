package transport

import (
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
}

// limit returns the wait for n octets.
func (p Pace) limit(n int) time.Duration {
	if p.Rate <= 0 {
		return p.Block
	}
	least := max(time.Duration(int64(n)*int64(time.Second)/p.Rate), time.Millisecond)
	if p.Block > 0 {
		return min(p.Block, least)
	}
	return least
}

// records gathers pieces for TLS, so that they make few records.
var records = sync.Pool{New: func() any { b := make([]byte, 0, maxWrite); return &b }}

// WritePieces writes pieces in their order: on plain TCP by one system call for
// each 64 KiB, within TLS in records as large as may be. It returns how many
// octets the kernel has taken for certain; within TLS what an error cut off does
// not count. pieces is used up.
func (c *Conn) WritePieces(pieces [][]byte, pace Pace) (int64, error) {
	var written int64
	for len(pieces) > 0 {
		group, n := pieces, 0
		for i, p := range pieces {
			if n += len(p); n > maxWrite {
				n -= len(p)
				group = pieces[:i]
				break
			}
		}
		if len(group) == 0 { // one piece is longer than that
			group, n = pieces[:1], maxWrite
		}
		if err := c.arm(in(pace.limit(n))); err != nil {
			return written, ioError(err, false)
		}
		var taken int64
		var err error
		if len(group) == 1 {
			taken, err = c.writeOne(group[0][:n])
		} else {
			taken, err = c.writeMany(group)
		}
		written += taken
		if err != nil {
			return written, c.failure(err, false)
		}
		if len(group) == 1 && n < len(pieces[0]) {
			pieces[0] = pieces[0][n:]
			continue
		}
		pieces = pieces[len(group):]
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
		b.vector = group
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

// Compose returns an empty buffer for the lines that a flight begins with. It is
// good until the next write of the connection.
func (c *Conn) Compose() []byte { return c.use().out[:0] }

// Composed gives the buffer back to be used again, with what it has grown to.
func (c *Conn) Composed(b []byte) {
	clear(b)
	if cap(b) <= maxWrite && c.buf != nil {
		c.buf.out = b[:0]
	}
}
