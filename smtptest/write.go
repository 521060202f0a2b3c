package smtptest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// maxPending is how many octets of replies may wait for the end of a batch.
const maxPending = 32 << 10

// Write writes exactly these octets now, in one write unless Fragment cuts
// them, behind the replies that wait.
func (c *Conn) Write(raw string) error {
	if c.ended() {
		return net.ErrClosed
	}
	c.saying(raw)
	c.enqueue(raw)
	return c.flush()
}

// Reply writes a reply of one line for each of lines (none: the code alone).
// While the client has sent further commands the reply waits, to be written
// with theirs.
func (c *Conn) Reply(code int, lines ...string) error {
	return c.queue(formatReply(code, lines...))
}

func formatReply(code int, lines ...string) string {
	if len(lines) == 0 {
		return fmt.Sprintf("%03d\r\n", code)
	}
	var b strings.Builder
	for i, line := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		fmt.Fprintf(&b, "%03d%s%s\r\n", code, sep, line)
	}
	return b.String()
}

// queue adds whole reply lines to the batch, and ends it unless another command
// is here already.
func (c *Conn) queue(text string) error {
	if c.ended() {
		return net.ErrClosed
	}
	c.saying(text)
	if c.enqueue(text) < maxPending && c.buffered() {
		return nil
	}
	return c.flush()
}

func (c *Conn) enqueue(text string) (waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = append(c.pending, text...)
	return len(c.pending)
}

// buffered reports whether a whole line is here to be read without blocking.
func (c *Conn) buffered() bool {
	b, _ := c.r.Peek(c.r.Buffered())
	return bytes.IndexByte(b, '\n') >= 0
}

// saying records what is about to be written, and lets the step that runs know.
func (c *Conn) saying(text string) {
	if f := c.frame; f != nil {
		f.said(text)
	}
	c.server.record.said(c.id, text)
	last := strings.TrimRight(text, "\r\n")
	last = last[strings.LastIndexByte(last, '\n')+1:]
	c.challenged = strings.HasPrefix(last, "334")
}

// flush writes the batch, after Latency.
func (c *Conn) flush() error {
	c.mu.Lock()
	out := string(c.pending)
	c.pending = nil
	c.mu.Unlock()
	if out == "" {
		return nil
	}
	if d := c.server.cfg.Latency; d > 0 {
		if err := c.wait(d); err != nil {
			return err
		}
	}
	return c.emit(out, c.server.cfg.Fragment)
}

// wait waits, and returns net.ErrClosed when the connection ended meanwhile.
func (c *Conn) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return net.ErrClosed
	}
}

// emit writes octets, cut as asked. Any goroutine.
func (c *Conn) emit(octets string, cut Fragment) error {
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-c.ctx.Done():
		return net.ErrClosed
	}
	c.mu.Lock()
	w, over := c.rw, c.over
	c.spoken = true
	c.mu.Unlock()
	if over {
		return net.ErrClosed
	}
	for len(octets) > 0 {
		n := len(octets)
		switch cut {
		case Whole:
		case PerOctet:
			n = 1
		case PerLine:
			if i := strings.IndexByte(octets, '\n'); i >= 0 {
				n = i + 1
			}
		}
		if _, err := io.WriteString(w, octets[:n]); err != nil {
			return err
		}
		octets = octets[n:]
	}
	return nil
}

// interject writes from another goroutine, between two replies.
func (c *Conn) interject(reply string) {
	c.mu.Lock()
	skip := c.shaking || c.over
	c.mu.Unlock()
	if skip {
		return
	}
	c.server.record.said(c.id, reply)
	c.emit(reply, c.server.cfg.Fragment)
}

// answer replies with an enhanced code where EHLO offered them (RFC 2034).
func (c *Conn) answer(code int, enhanced, text string) {
	if enhanced != "" && c.offers("ENHANCEDSTATUSCODES") {
		text = strconv.Itoa(code/100) + "." + enhanced + " " + text
	}
	c.Reply(code, text)
}
