package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// lent is content that only its caller can read, since reading may wait for
// ever. The session asks for a block, and the goroutine that called Send fills
// it.
type lent struct {
	reader io.Reader
	begins transport.Facts // of the first block
	stated int64
	read   int64
	want   chan *[]byte // to be filled
	got    chan filled
	buffer *[]byte // the session has it
	ended  bool

	panicked any // the reader did
}

type filled struct {
	n    int
	last bool
	err  error
}

// newLent reads the first block. If that is all, the content is in memory.
func newLent(m *smtp.Message, from io.Reader) (content, error) {
	c := &lent{reader: from, stated: m.Size, want: make(chan *[]byte, 1), got: make(chan filled, 1)}
	c.buffer = blocks.Get().(*[]byte)
	f := c.fill((*c.buffer)[lead:])
	if c.panicked != nil {
		panic(c.panicked)
	}
	if f.err != nil {
		c.release()
		return nil, f.err
	}
	if f.last {
		whole := append([]byte(nil), (*c.buffer)[lead:lead+f.n]...)
		c.release()
		return &inMemory{whole: whole}, nil
	}
	c.begins = transport.Scan(bytes.TrimSuffix((*c.buffer)[lead:lead+f.n], []byte{'\r'})) // whose LF may follow
	c.got <- f
	return c, nil
}

// fill reads one block. The caller's goroutine runs it.
func (c *lent) fill(b []byte) (f filled) {
	returned := false
	defer func() {
		if c.panicked = recover(); c.panicked != nil {
			f = filled{err: readError(errors.New("the reader panicked"))}
		} else if !returned { // runtime.Goexit, such as a t.Fatal in it: nobody will hand this on
			c.got <- filled{err: readError(errors.New("the reader ended its goroutine"))}
		}
	}()
	f = readFull(c.reader, b)
	returned = true
	c.read += int64(f.n)
	switch {
	case f.err != nil:
	case c.stated > 0 && c.read > c.stated:
		f.err = sizeError(c.stated, -1)
	case c.stated > 0 && f.last && c.read < c.stated:
		f.err = sizeError(c.stated, c.read)
	}
	return f
}

// maxEmptyReads is how often in a row a reader may return nothing.
const maxEmptyReads = 100

// readFull reads until b is full or the content ends, which io.EOF alone says:
// what wraps it, and io.ErrUnexpectedEOF, is a reader that was cut off.
func readFull(r io.Reader, b []byte) (f filled) {
	for empty := 0; f.n < len(b); {
		n, err := r.Read(b[f.n:])
		if n < 0 || n > len(b)-f.n {
			f.err = readError(fmt.Errorf("the reader returned %d for %d octets", n, len(b)-f.n))
			return f
		}
		f.n += n
		switch {
		case err == io.EOF:
			f.last = true
			return f
		case err != nil:
			f.err = readError(err)
			return f
		case n > 0:
			empty = 0
		default:
			if empty++; empty == maxEmptyReads {
				f.err = readError(io.ErrNoProgress)
				return f
			}
		}
	}
	return f
}

// serve fills the blocks that are asked for until the message is answered, or
// ctx ends. A reader that panics does so when the session is done with it.
func (c *lent) serve(ctx context.Context, answered <-chan struct{}) bool {
	for {
		select {
		case <-answered: // before another block, should one be wanted still
			return c.served()
		default:
		}
		select {
		case <-answered:
			return c.served()
		case b := <-c.want:
			c.got <- c.fill((*b)[lead:])
		case <-ctx.Done():
			return false
		}
	}
}

func (c *lent) served() bool {
	if c.panicked != nil {
		panic(c.panicked)
	}
	return true
}

func (c *lent) next(ctx context.Context) ([]byte, bool, error) {
	if c.ended {
		return nil, true, nil
	}
	if len(c.got) == 0 {
		if len(*c.buffer) < lead+nextBlock {
			c.release()
			c.buffer = largeBlocks.Get().(*[]byte)
		}
		c.want <- c.buffer
	}
	select {
	case f := <-c.got:
		c.ended = f.last
		return (*c.buffer)[lead : lead+f.n], f.last, f.err
	case <-ctx.Done():
		c.buffer = nil // the reader may still be writing into it
		return nil, false, &smtp.Error{Kind: smtp.KindCanceled, Err: contextError(ctx)}
	}
}

func (c *lent) size() int64 {
	if c.stated > 0 {
		return c.stated
	}
	return -1
}

func (c *lent) buffered() []byte { return held(c.buffer) }

func (c *lent) release() {
	switch {
	case c.buffer == nil:
	case len(*c.buffer) == lead+firstBlock:
		blocks.Put(c.buffer)
	default:
		largeBlocks.Put(c.buffer)
	}
	c.buffer = nil
}

// lent reports content that only its caller can read.
func (d *delivery) lent() bool {
	_, ok := d.content.(*lent)
	return ok
}
