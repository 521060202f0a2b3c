package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

const (
	// firstBlock is how much of a reader is read before anything is said: a
	// message of no more is known as a whole.
	firstBlock = 64 << 10
	// nextBlock is how much at a time after that, and the most in a chunk.
	nextBlock = 256 << 10
	// lead is the room in front of a block, for the header of its chunk. It is half a
	// page for another reason: the kernel copies to the beginning of a page, and where
	// the octets it copies stand a little before that place in a page of their own,
	// some processors take twice as long (4 KiB aliasing).
	lead = 2 << 10
)

// content yields a message's octets block by block. A block is good until the
// next call.
type content interface {
	// next returns the next block and whether it is the last one.
	next(ctx context.Context) (block []byte, last bool, err error)
	// size returns how many octets there are, -1 if that is not known.
	size() int64
	// buffered returns where blocks stand behind their lead, or nil.
	buffered() []byte
	// release ends the use of the content.
	release()
}

// prepare chooses how Content is read: from memory, by ReadAt, or on the caller's
// goroutine, where it reads the first block. memory is room for the first way. Errors
// are of KindInvalid (Size) and KindContent.
func prepare(m *smtp.Message, memory *inMemory) (content, error) {
	switch r := m.Content.(type) {
	case *bytes.Buffer:
		memory.whole = r.Bytes()
		return fit(m, memory)
	case *bytes.Reader:
		n, err := r.WriteTo(memory)
		if err == nil {
			_, err = r.Seek(-n, io.SeekCurrent) // as the other readers that are fast, it stays where it was
		}
		if err != nil {
			return nil, readError(err)
		}
		return fit(m, memory)
	case *strings.Reader:
		return fit(m, newStored(r, r.Size()-int64(r.Len()), int64(r.Len())))
	case *os.File:
		if info, err := r.Stat(); err == nil && info.Mode().IsRegular() {
			at, err := r.Seek(0, io.SeekCurrent)
			switch {
			case err != nil:
			case info.Size()-at > firstBlock:
				c := newStored(r, at, info.Size()-at)
				c.file = r
				return fit(m, c)
			default: // one of /proc or /sys has more than it says, or less
				return newLent(m, io.NewSectionReader(r, at, math.MaxInt64-at))
			}
		}
	}
	r := m.Content
	m.Content = nil // what is left of it must not pass for the message, should that be sent again
	return newLent(m, r)
}

// fit refuses content that is not of the size that was stated.
func fit(m *smtp.Message, c content) (content, error) {
	if m.Size != 0 && m.Size != c.size() {
		return nil, sizeError(m.Size, c.size())
	}
	return c, nil
}

func sizeError(stated, found int64) error {
	if found < 0 {
		return smtp.Invalid(fmt.Sprintf("Content goes on after the %d octets of Size", stated))
	}
	return smtp.Invalid(fmt.Sprintf("Content has %d octets and Size says %d", found, stated))
}

// inMemory is content that is in memory as a whole.
type inMemory struct {
	whole  []byte
	read   int
	atOnce bool // in one block, since nothing is made of it
}

func (c *inMemory) next(context.Context) ([]byte, bool, error) {
	block := c.whole[c.read:]
	if len(block) > nextBlock && !c.atOnce {
		block = block[:nextBlock]
	}
	c.read += len(block)
	return block, c.read == len(c.whole), nil
}

// Write keeps what a bytes.Reader would write, which is all it has.
func (c *inMemory) Write(p []byte) (int, error) {
	c.whole = p
	return len(p), nil
}

func (c *inMemory) size() int64      { return int64(len(c.whole)) }
func (c *inMemory) buffered() []byte { return nil }
func (c *inMemory) release()         {}

// stored is content that can be read anywhere without waiting: a string, a
// regular file.
type stored struct {
	from   io.ReaderAt
	at     int64
	end    int64
	file   *os.File // nil: a string, which cannot change
	buffer *[]byte
}

func newStored(from io.ReaderAt, at, size int64) *stored {
	return &stored{from: from, at: at, end: at + size}
}

func (c *stored) next(context.Context) ([]byte, bool, error) {
	if c.buffer == nil {
		c.buffer = blocks.Get().(*[]byte)
	}
	block := (*c.buffer)[lead:]
	n, err := c.from.ReadAt(block[:min(int64(len(block)), c.end-c.at)], c.at)
	c.at += int64(n)
	if err != nil && (!errors.Is(err, io.EOF) || c.at < c.end) {
		return nil, false, readError(err)
	}
	return block[:n], c.at == c.end, nil
}

func (c *stored) size() int64      { return c.end - c.at }
func (c *stored) buffered() []byte { return held(c.buffer) }
func (c *stored) release() {
	if c.buffer != nil {
		blocks.Put(c.buffer)
		c.buffer = nil
	}
}

// changeable reports content that may be another when it is read again.
func changeable(c content) bool {
	s, ok := c.(*stored)
	return ok && s.file != nil
}

// isAll reports that nothing of the content is left behind a block but, where that
// ended with a CR, its LF, which the encoder has written already.
func isAll(c content, block []byte) bool {
	s, ok := c.(*stored)
	if !ok || s.at == s.end {
		return true
	}
	var next [1]byte
	n, _ := s.from.ReadAt(next[:], s.at)
	return s.end-s.at == 1 && bytes.HasSuffix(block, []byte("\r")) && n == 1 && next[0] == '\n'
}

// rewound returns the content from its beginning, for another reading.
func (c *stored) rewound() *stored { return &stored{from: c.from, at: c.at, end: c.end} }

// readError is that of a reader of the caller's.
func readError(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &smtp.Error{Kind: smtp.KindContent, Err: err}
}

var blocks = sync.Pool{New: func() any { b := make([]byte, lead+firstBlock); return &b }}

var largeBlocks = sync.Pool{New: func() any { b := make([]byte, lead+nextBlock); return &b }}

// held returns what a buffer holds, nil if there is none.
func held(buffer *[]byte) []byte {
	if buffer == nil {
		return nil
	}
	return *buffer
}

// buffered returns where blocks stand behind their lead, nil if they stand
// elsewhere, as what a Transaction's Write is given does.
func (d *delivery) buffered() []byte {
	if d.content == nil {
		return nil
	}
	return d.content.buffered()
}

// scan looks at content that can be read twice, and at the beginning of other.
func scan(ctx context.Context, c content) (f transport.Facts, known bool, err error) {
	switch c := c.(type) {
	case *inMemory:
		return transport.Scan(c.whole), true, nil
	case *stored:
		again := c.rewound()
		defer again.release()
		var s transport.Scanner
		for last := again.at == again.end; !last; {
			var block []byte
			block, last, err = again.next(ctx)
			if err == nil && ctx.Err() != nil {
				err = &smtp.Error{Kind: smtp.KindCanceled, Err: contextError(ctx)}
			}
			if err != nil {
				return f, false, err
			}
			s.Scan(block)
		}
		return s.Facts(), true, nil
	case *lent:
		return c.begins, false, nil
	}
	return f, false, nil
}
