package smtptest

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// What a server keeps of the messages it accepted.
const (
	maxMessages    = 1 << 20
	maxContentKept = 256 << 20
)

// Message is a message that the server accepted: its last reply was 2yz.
type Message struct {
	Conn     int        // the connection's number
	From     string     // what stood between the brackets; "" for <>
	To       []string   // the recipients that were accepted; with LMTP after the content too
	Params   []string   // of MAIL, as sent: "BODY=8BITMIME"
	ToParams [][]string // of each RCPT, beside To
	Content  []byte     // without dot-stuffing and end marker; nil once 256 MiB are kept
	Size     int64      // octets of the content
	TLS      bool
	Auth     string // who was authenticated; "": nobody, or unknown
}

// Messages returns the messages accepted so far, in order. The contents are not
// copied: do not change them. A message is there before its reply is written.
func (s *Server) Messages() []Message {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	messages := make([]Message, len(s.record.messages))
	for i, m := range s.record.messages {
		messages[i] = *m
	}
	return messages
}

// join adds a recipient to a message that was accepted for others before.
func (r *record) join(m *Message, to string, params []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.To, m.ToParams = append(slices.Clip(m.To), to), append(slices.Clip(m.ToParams), params) // never into a copy's array
}

func (r *record) accept(m Message) *Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Messages++
	if r.none {
		return &m
	}
	if r.content+m.Size > maxContentKept {
		m.Content = nil
	}
	r.content += int64(len(m.Content))
	if len(r.messages) < maxMessages {
		r.messages = append(r.messages, &m)
	}
	return &m
}

// parseCount reads a number of octets, digits only (RFC 1870, RFC 3030).
func parseCount(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func (c *Conn) data(args string) {
	e := c.session.envelope
	switch {
	case e == nil:
		c.answer(503, "5.1", "MAIL first")
	case len(e.to) == 0:
		c.noRecipients()
	case e.chunked:
		c.answer(503, "5.1", "BDAT has begun")
	case e.has("BODY=BINARYMIME"):
		c.answer(503, "5.1", "BDAT is needed for BINARYMIME")
	case c.bare(args):
		c.Reply(354, "end with <CRLF>.<CRLF>")
		c.readData()
	}
}

// noRecipients refuses content that nobody is to get.
func (c *Conn) noRecipients() {
	code := 554
	if c.server.cfg.LMTP {
		code = 503 // RFC 2033, section 4.2
	}
	c.answer(code, "5.1", "no valid recipients")
}

// readData reads content behind a 354 and answers it.
func (c *Conn) readData() {
	e := c.session.envelope
	if e == nil { // a step said 354 all the same
		e = &envelope{}
	}
	content, size, err := c.dotted(c.server.cfg.MaxMessage)
	if err != nil {
		c.gone(err)
		return
	}
	e.content, e.size = content, size
	c.note("content, %d octets", size)
	c.countContent()
	c.finish(e)
}

// finish answers whole content: once, or with LMTP for each recipient by itself
// (RFC 2033, section 4.2).
func (c *Conn) finish(e *envelope) {
	c.session.envelope = nil
	if c.server.cfg.LMTP {
		c.finishEach(e)
		return
	}
	c.answerContent(e, func() { c.accept(e) })
}

func (c *Conn) finishEach(e *envelope) {
	taken := *e
	taken.to, taken.toParams = nil, nil
	var kept *Message // nil until a recipient is accepted
	for i, to := range e.to {
		if c.isClosed() {
			break
		}
		c.recipient = to
		c.answerContent(e, func() {
			if kept == nil {
				kept = c.accept(&taken)
			}
			c.server.record.join(kept, to, e.toParams[i])
		})
	}
	c.recipient = ""
}

// answerContent answers by the step of CONTENT or as usual.
func (c *Conn) answerContent(e *envelope, accept func()) {
	c.play("CONTENT", func() {
		switch {
		case e.size > c.server.cfg.MaxMessage:
			c.answer(552, "3.4", "message too large")
		case len(e.to) == 0:
			c.answer(554, "5.1", "no valid recipients")
		default:
			accept()
			c.answer(250, "0.0", "accepted")
		}
	}, func(code int) {
		if code/100 == 2 {
			accept()
		}
	})
}

func (c *Conn) accept(e *envelope) *Message {
	_, secure := c.TLS()
	return c.server.record.accept(Message{
		Conn: c.id, From: e.from, To: e.to, Params: e.params, ToParams: e.toParams,
		Content: e.content, Size: e.size, TLS: secure, Auth: c.session.user,
	})
}

// ReadContent reads the content that belongs to [Conn.Line] and returns what of
// it fits into MaxMessage: of a BDAT its chunk, else all up to the end marker,
// unstuffed. It answers nothing; the caller does, before (354) and after.
func (c *Conn) ReadContent() ([]byte, error) {
	c.takeOver()
	var content []byte
	var err error
	last := true
	if verbOf(c.line) == "BDAT" {
		n, ends, ok := parseChunk(argsOf(c.line))
		if !ok {
			return nil, errors.New("smtptest: no chunk size in " + strconv.Quote(c.line))
		}
		content, err = c.chunk(nil, n, c.server.cfg.MaxMessage)
		c.note("chunk, %d octets", n)
		last = ends
	} else {
		var size int64
		content, size, err = c.dotted(c.server.cfg.MaxMessage)
		c.note("content, %d octets", size)
	}
	switch {
	case err != nil:
		c.gone(err)
	case last:
		c.countContent()
	}
	return content, err
}

// Where in a line of content the reader stands. Only CRLF begins a line.
const (
	lineStart = iota // also right behind the 354: an empty content is a lone dot
	inLine
	afterCR
	afterDot   // behind a dot at the start of a line, which is not kept
	afterDotCR // and the CR behind that dot, not kept yet
)

// dotted reads to CRLF.CRLF, and to nothing less, and removes dot-stuffing (RFC
// 5321, section 4.5.2). Up to limit octets are kept; size counts all.
func (c *Conn) dotted(limit int64) (content []byte, size int64, err error) {
	keep := func(b byte) {
		if size++; size <= limit {
			content = append(content, b)
		}
	}
	for state := lineStart; ; {
		b, err := c.r.ReadByte()
		if err != nil {
			return content, size, err
		}
		switch {
		case state == lineStart && b == '.':
			state = afterDot
			continue
		case state == afterDot && b == '\r':
			state = afterDotCR
			continue
		case state == afterDotCR && b == '\n':
			return content, size, nil
		case state == afterDotCR:
			keep('\r')
		case state == afterCR && b == '\n':
			keep(b)
			state = lineStart
			continue
		}
		keep(b)
		state = inLine
		if b == '\r' {
			state = afterCR
		}
	}
}
