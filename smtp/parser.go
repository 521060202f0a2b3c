package smtp

import (
	"bytes"
	"fmt"
)

// Caps on what one server may make us hold.
const (
	// MaxReplyLine is the longest reply line taken, in octets without its line
	// end. RFC 5321 4.5.3.1.5 promises 512; real servers exceed it.
	MaxReplyLine = 2000
	// MaxChallengeLine is the same for a 334 line, whose payload is a SASL
	// challenge (RFC 4954 4 asks for 12,288).
	MaxChallengeLine = 12288
	// MaxReply is the longest reply taken, in octets, all its lines together with
	// their line ends.
	MaxReply = 64 << 10
)

// Parser takes the octets of a server as they come and finds the end of one
// reply. It is bounded: an endless line or an endless reply is an error, not
// memory. The zero value is ready; Reset makes it ready again and keeps its
// buffer. One goroutine at a time.
//
// What is taken: "LF" ends a line and one CR before it is dropped, any other
// CR is text; "250" alone is a last line; a code that is not three digits with
// a first digit of 2 to 5, or is followed by anything but space, hyphen or line
// end, is a protocol error, found at the first octet that shows it.
type Parser struct {
	text  []byte // the lines so far, without codes, and the raw line being read
	start int    // where the current line begins in text
	code  int    // of the first line
	last  int    // of the newest line
	size  int    // octets of the whole reply
	lines int
	mixed bool
	done  bool
	known [16]string // texts of replies before, by their hash
}

// Reset makes p ready for the next reply.
func (p *Parser) Reset() {
	p.text, p.start, p.code, p.last, p.size, p.lines, p.mixed, p.done = p.text[:0], 0, 0, 0, 0, 0, false, false
}

// Started reports whether octets of a reply have come that is not whole yet.
func (p *Parser) Started() bool { return p.size > 0 && !p.done }

// Lines returns how many whole lines have come.
func (p *Parser) Lines() int { return p.lines }

// Feed takes octets of the server and returns how many belong to this reply;
// the rest, if done, belongs to the next. After done or an error only Reset
// may follow.
func (p *Parser) Feed(b []byte) (n int, done bool, err error) {
	for n < len(b) {
		rest := b[n:]
		before, _, ok := bytes.Cut(rest, []byte{'\n'})
		piece := rest
		if ok {
			piece = before
		}
		if err := p.grow(piece); err != nil {
			return n, false, err
		}
		n += len(piece)
		if !ok {
			break
		}
		n++
		if p.size++; p.size > MaxReply {
			return n, false, replyTooLong()
		}
		if done, err := p.endLine(); done || err != nil {
			return n, done, err
		}
	}
	return n, false, nil
}

// grow appends a piece of the current line, and looks at its first octets and
// at its length.
func (p *Parser) grow(piece []byte) error {
	fresh := len(p.text)-p.start < startOctets
	piece = piece[:min(len(piece), max(MaxReply+1-p.size, 0))]        // up to the octet that is one too many, as if each came alone
	take := min(len(piece), MaxChallengeLine+1-(len(p.text)-p.start)) // one more: the CR of the line end
	p.text = append(p.text, piece[:take]...)
	p.size += len(piece)
	line := p.text[p.start:]
	if fresh {
		if err := checkStart(line); err != nil {
			return err
		}
	}
	limit := MaxReplyLine
	if bytes.HasPrefix(line, []byte("334")) {
		limit = MaxChallengeLine
	}
	switch {
	case len(dropCR(line)) > limit || take < len(piece):
		return protocolError("reply line of over %d octets, beginning %q", limit, beginning(line))
	case p.size > MaxReply:
		return replyTooLong()
	}
	return nil
}

// endLine judges the line that text[start:] holds and strips its code.
func (p *Parser) endLine() (done bool, err error) {
	line := dropCR(p.text[p.start:])
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return false, protocolError("reply line %q has no three-digit reply code (RFC 5321 4.2)", beginning(line))
	}
	p.last = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	p.lines++
	if p.lines == 1 {
		p.code = p.last
	} else if p.last != p.code {
		p.mixed = true
	}
	more := len(line) > 3 && line[3] == '-'
	if len(line) > 3 {
		p.text = p.text[:p.start+copy(p.text[p.start:], line[4:])]
	} else {
		p.text = p.text[:p.start]
	}
	if more {
		p.text = append(p.text, '\n')
		p.start = len(p.text)
		return false, nil
	}
	p.done = true
	if p.mixed {
		err := protocolError("reply lines with different codes, %d first and %d last (RFC 5321 4.2.1)", p.code, p.last)
		if r := p.Reply(false); r.Negative() {
			err.Reply, err.Permanent = r, r.Permanent()
		}
		return true, err
	}
	return true, nil
}

// Reply returns the whole reply, once it is done; its text is the only
// allocation, and a short one that came before is not made again. enhanced says whether an enhanced code may begin the text, which
// is so everywhere but in a greeting and in the reply to EHLO, HELO or LHLO.
func (p *Parser) Reply(enhanced bool) Reply {
	r := Reply{Code: p.last, Text: p.kept()}
	if enhanced {
		r.Enhanced = parseEnhanced(r.Code, r.Text)
	}
	return r
}

// maxKnown is the longest text that is looked for among those before, in octets.
const maxKnown = 64

// kept returns the text as a string: that of an earlier reply if it was the
// same, since servers say the same all day.
func (p *Parser) kept() string {
	if len(p.text) > maxKnown {
		return string(p.text)
	}
	h := uint32(len(p.text))
	for _, c := range p.text {
		h = h*31 + uint32(c)
	}
	known := &p.known[h%uint32(len(p.known))]
	if *known != string(p.text) {
		*known = string(p.text)
	}
	return *known
}

// startOctets is how many octets of a line checkStart looks at: the code, what
// follows it, and one more, since a CR behind the code must be a line end.
const startOctets = 5

// checkStart judges the first octets of a line that may not be whole, so that
// a server that speaks another protocol is found out without its line end.
func checkStart(line []byte) error {
	for i := 0; i < len(line) && i < startOctets; i++ {
		c := line[i]
		switch {
		case i == 0 && c >= '2' && c <= '5',
			(i == 1 || i == 2) && c >= '0' && c <= '9',
			i == 3 && (c == ' ' || c == '-' || c == '\r'),
			i == 4 && line[3] != '\r':
			continue
		}
		if looksLikeTLS(line) {
			return protocolError("server speaks TLS here (octets %q): a port for implicit TLS, see SecureImplicit", beginning(line))
		}
		return protocolError("reply line %q has no three-digit reply code (RFC 5321 4.2)", beginning(line))
	}
	return nil
}

// looksLikeTLS reports an alert or handshake record (RFC 8446 5.1). It looks at
// one octet, so that the verdict does not hang on how the octets were split.
func looksLikeTLS(line []byte) bool { return line[0] == 0x15 || line[0] == 0x16 }

// dropCR returns a line without the CR of its line end.
func dropCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// beginning returns what an error shows of a line.
func beginning(line []byte) []byte { return line[:min(len(line), 80)] }

func replyTooLong() *Error { return protocolError("reply of over %d octets", MaxReply) }

func protocolError(format string, args ...any) *Error {
	return &Error{Kind: KindProtocol, Err: fmt.Errorf(format, args...)}
}
