package smtptest

import (
	"bytes"
	"io"
	"strings"
)

// parseChunk takes the argument of BDAT apart (RFC 3030, section 2).
func parseChunk(args string) (size int64, last, ok bool) {
	fields := strings.Fields(args)
	switch {
	case len(fields) == 2 && strings.EqualFold(fields[1], "LAST"):
		last = true
	case len(fields) != 1:
		return 0, false, false
	}
	size, ok = parseCount(fields[0])
	return size, last, ok
}

func (c *Conn) bdat(args string) {
	if !c.offers("CHUNKING") {
		c.answer(502, "5.1", "not implemented") // and so its content is commands
		return
	}
	n, last, ok := parseChunk(args)
	if !ok {
		c.answer(501, "5.4", "BDAT octets [LAST] is expected")
		return
	}
	e := c.session.envelope
	silent := last && c.server.cfg.LMTP // no recipient, no reply (RFC 2033, section 4.3)
	if e == nil || len(e.to) == 0 && !silent || e.failed {
		if !c.skipChunk(args) {
			return
		}
		if e == nil || e.failed {
			c.answer(503, "5.1", "no transaction that takes content")
		} else {
			c.noRecipients()
		}
		return
	}
	switch {
	case !c.addChunk(e, n):
	case last:
		c.countContent()
		c.finish(e)
	case e.size > c.server.cfg.MaxMessage:
		e.failed, e.content = true, nil
		c.answer(552, "3.4", "message too large")
	default:
		c.answer(250, "0.0", "chunk received")
	}
}

// chunk reads n octets and appends them to content for as long as that stays
// within limit.
func (c *Conn) chunk(content []byte, n, limit int64) ([]byte, error) {
	buf := bytes.NewBuffer(content)
	keep := max(0, min(n, limit-int64(len(content))))
	if _, err := io.CopyN(buf, onlyReader{c.r}, keep); err != nil {
		return buf.Bytes(), err
	}
	_, err := io.CopyN(io.Discard, onlyReader{c.r}, n-keep)
	return buf.Bytes(), err
}

// addChunk reads a chunk into the transaction and reports whether it was there.
func (c *Conn) addChunk(e *envelope, n int64) bool {
	content, err := c.chunk(e.content, n, c.server.cfg.MaxMessage)
	if err != nil {
		c.gone(err)
		return false
	}
	e.chunked, e.content = true, content
	e.size += n
	c.note("chunk, %d octets", n)
	return true
}

// skipChunk reads over the content of a BDAT and reports whether it was there.
func (c *Conn) skipChunk(args string) bool {
	n, last, ok := parseChunk(args)
	if !ok {
		return true
	}
	if _, err := c.chunk(nil, n, 0); err != nil {
		c.gone(err)
		return false
	}
	c.note("chunk, %d octets, not kept", n)
	if last {
		c.countContent()
	}
	return true
}

// followChunk goes on after a step's own reply to a BDAT.
func (c *Conn) followChunk(args string, done bool) {
	e := c.session.envelope
	if !done || e == nil {
		if e != nil {
			e.failed = true
		}
		c.skipChunk(args)
		return
	}
	n, last, ok := parseChunk(args)
	if !ok {
		return
	}
	if c.addChunk(e, n) && last {
		c.countContent()
		c.session.envelope = nil
		c.accept(e)
	}
}
