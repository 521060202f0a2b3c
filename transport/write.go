package transport

import (
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"sync"

	"github.com/ehlo-go/ehlo/smtp"
)

// maxWrite is how many octets one deadline covers: a slow reader of a large
// message is no dead one.
const maxWrite = 64 << 10

// records are buffers of 64 KiB: for pieces that make one TLS record, and for what is
// read of a file.
var records = sync.Pool{New: func() any { b := make([]byte, 0, maxWrite); return &b }}

// WritePieces writes pieces in their order: short ones together, on plain TCP by
// one system call and within TLS in one record if they fit; of a long one on
// plain TCP as much at a time as the kernel takes. The deadline moves with each
// 64 KiB that are taken. It returns how many octets the kernel has taken for
// certain; within TLS what an error cut off does not count. pieces is used up.
func (c *Conn) WritePieces(pieces [][]byte, pace *Pace) (int64, error) {
	pace.begin()
	for len(pieces) > 0 {
		n, octets := together(pieces)
		var rest []byte
		if n > 0 && n < len(pieces) { // a header goes with what it is of
			room := maxWrite - octets
			pieces[n], rest = pieces[n][:room], pieces[n][room:]
			n, octets = n+1, maxWrite
		}
		var err error
		if n == 0 {
			n = 1
			err = c.writeLong(pieces[0], pace)
		} else {
			err = c.writeShort(pieces[:n], octets, pace)
		}
		if err != nil {
			return pace.written, c.failure(err, false)
		}
		if rest != nil {
			n--
			pieces[n] = rest
		}
		pieces = pieces[n:]
	}
	return pace.written, nil
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
func (c *Conn) writeShort(group [][]byte, octets int, pace *Pace) (err error) {
	if err := c.arm(pace.deadline(octets)); err != nil {
		return err
	}
	var taken int64
	if len(group) == 1 {
		taken, err = c.writeOne(group[0])
	} else {
		taken, err = c.writeMany(group)
	}
	return cmp.Or(err, pace.moved(taken))
}

// writeLong writes one piece that is longer.
func (c *Conn) writeLong(b []byte, pace *Pace) error {
	if err := c.arm(pace.deadline(len(b))); err != nil {
		return err
	}
	if c.tls == nil && c.peek != nil {
		return c.peek.push(c, b, pace)
	}
	for {
		taken, err := c.writeOne(b[:min(maxWrite, len(b))])
		b = b[taken:]
		err = cmp.Or(err, pace.moved(taken))
		if err != nil || len(b) == 0 {
			return err
		}
		if err := c.arm(pace.deadline(len(b))); err != nil {
			return err
		}
	}
}

// WriteFile writes n octets of a file from at on, without a look at them and
// without use of its offset: on plain TCP from the kernel's own memory, where the
// system can do that (sendfile). What applies to WritePieces applies here. A file
// that ends before, or cannot be read, is an error of KindContent.
func (c *Conn) WriteFile(f *os.File, at, n int64, pace *Pace) (int64, error) {
	pace.begin()
	if err := c.writeFile(f, at, n, pace); err != nil {
		return pace.written, c.failure(err, false)
	}
	return pace.written, nil
}

func (c *Conn) writeFile(f *os.File, at, n int64, pace *Pace) error {
	if c.tls == nil && c.peek != nil {
		if known, err := c.peek.sendFile(c, f, at, n, pace); known {
			return err
		}
	}
	kept := records.Get().(*[]byte)
	defer func() { giveBack(kept, int(min(n, maxWrite))) }()
	for pace.written < n {
		*kept = (*kept)[:min(n-pace.written, maxWrite)]
		read, err := f.ReadAt(*kept, at+pace.written)
		if read < len(*kept) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return contentError(err)
		}
		if err := c.writeShort([][]byte{*kept}, read, pace); err != nil {
			return err
		}
	}
	return nil
}

// contentError is a failure of the file and not of the connection.
func contentError(err error) error { return &smtp.Error{Kind: smtp.KindContent, Err: err} }

func (c *Conn) writeOne(b []byte) (int64, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if c.tls == nil {
		n, err := c.sock.Write(b)
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
		n, err := b.vector.WriteTo(c.sock.Conn)
		c.sock.wrote.Add(n)
		return n, err
	}
	kept := records.Get().(*[]byte)
	for _, p := range group {
		*kept = append(*kept, p...)
	}
	taken, err := c.writeOne(*kept)
	giveBack(kept, len(*kept))
	return taken, err
}

// giveBack returns a buffer to records, without the octets that it held.
func giveBack(kept *[]byte, held int) {
	clear((*kept)[:held])
	*kept = (*kept)[:0]
	records.Put(kept)
}
