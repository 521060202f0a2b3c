package transport

import (
	"fmt"
	"math"

	"github.com/ehlo-go/ehlo/smtp"
)

// leastRun is how many octets of a block an [Encoder] hands on in place; fewer
// are cheaper to copy than to give the kernel one by one.
const leastRun = 1 << 10

// Encoder turns a message's content into what goes on the wire, block by block,
// and gathers the [Facts] on the way. CRLF, a bare CR and a bare LF each end a
// line and become CRLF; the last line is ended if nothing ends it. With Dots a
// line that begins with a dot gets another, and the end is marked.
//
// So CR CR LF is a bare CR and a CRLF: two ends of lines. No server can take this
// output for more than one message (SMTP smuggling): it has no CR without LF and
// no LF without CR, hence lines that everyone sees alike, and none of them is a
// lone dot but the last. What becomes of one block never ends between a CR and
// its LF, so a server that takes BDAT chunk by chunk reads the same lines.
//
// The zero value normalises, which is what BDAT wants. An Encoder is for one
// goroutine. Blocks are best 64 to 256 KiB: it copies what is not clean, and may
// double it.
type Encoder struct {
	// Dots is the transparency of DATA (RFC 5321 4.5.2): dots are stuffed, and the
	// end is marked.
	Dots bool
	// Strict refuses content with a bare CR or LF, also where it is known to be so
	// only after its line went out.
	Strict bool

	scanner Scanner
	least   int // octets of the shortest run that is not copied
	pieces  [][]byte
	copied  []byte
	listed  int // how much of copied is in pieces
}

// Facts returns the facts about the content so far, as if it ended here. Asked
// between Encode and the write they can still keep a block back.
func (e *Encoder) Facts() Facts { return e.scanner.Facts() }

// Reset makes e ready for another message. It keeps Dots, Strict and its
// buffers, but no block.
func (e *Encoder) Reset() {
	clear(e.pieces[:cap(e.pieces)])
	*e = Encoder{Dots: e.Dots, Strict: e.Strict, pieces: e.pieces[:0], copied: e.copied[:0]}
}

// Encode returns the next block as pieces to be written in their order: runs of
// the block itself, all of it where nothing is to be changed, and copies of the
// short runs with what was inserted. They are good until the next Encode or
// Reset, and as long as the block is left alone. The error of Strict is
// KindInvalid and tells the offset in octets; nothing more may be written then.
func (e *Encoder) Encode(block []byte) ([][]byte, error) {
	e.pieces, e.copied, e.listed, e.least = e.pieces[:0], e.copied[:0], 0, leastRun
	if err := e.encode(block); err != nil {
		return nil, err
	}
	e.list()
	return e.pieces, nil
}

// Append appends the next block to dst, as [Encoder.Encode] would return it.
func (e *Encoder) Append(dst, block []byte) ([]byte, error) {
	kept := e.copied
	e.copied, e.least = dst, math.MaxInt
	err := e.encode(block)
	dst, e.copied = e.copied, kept
	return dst, err
}

// End returns what is to be written after the last block, which may be nothing:
// the CRLF of a last line that has none, and with Dots the dot that marks the
// end. What Encode returned stays good beside it.
func (e *Encoder) End() ([]byte, error) {
	f := e.Facts()
	if err := e.refuse(f); err != nil {
		return nil, err
	}
	start := len(e.copied)
	if !f.Ended {
		e.copied = append(e.copied, "\r\n"...)
	}
	if e.Dots {
		e.copied = append(e.copied, ".\r\n"...)
	}
	return e.copied[start:], nil
}

func (e *Encoder) refuse(f Facts) error {
	if !e.Strict {
		return nil
	}
	return BareNewline(f)
}

// BareNewline refuses content by its first CR or LF that stands alone, and is nil if
// there is none.
func BareNewline(f Facts) error {
	if f.FirstBare < 0 {
		return nil
	}
	return smtp.Invalid(fmt.Sprintf("a bare CR or LF at octet %d: RefuseBareNewlines wants CRLF (RFC 5321 2.3.8)", f.FirstBare))
}

// encode goes through a block and puts its runs and what is to stand between
// them into pieces and copied.
func (e *Encoder) encode(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	before := e.scanner
	e.scanner.Scan(b)
	was, now := &before.facts, &e.scanner.facts
	if now.FirstBare != 0 && e.Strict {
		return e.refuse(e.Facts())
	}
	if before.cr && b[0] == '\n' {
		b = b[1:] // it went out with its CR
	}
	bareCRs := now.BareCRs != was.BareCRs
	run, p := 0, len(b) // the run that is not put yet, where the walk is
	if bareCRs || now.BareLFs != was.BareLFs || e.Dots && now.DotLines != was.DotLines {
		p = 0
	}
	for first := before.column == 0; p < len(b); first = true {
		if first && e.Dots && b[p] == '.' {
			e.put(b[run:p], ".")
			run = p
		}
		text, end := nextLine(b[p:], bareCRs)
		p += text
		switch {
		case end == 1 && b[p] == '\n':
			e.put(b[run:p], "\r")
			run = p
		case end == 1 && p+1 < len(b):
			e.put(b[run:p+1], "\n")
			run = p + 1
		}
		p += end
	}
	e.put(b[run:], "")
	if e.scanner.cr {
		e.copied = append(e.copied, '\n')
	}
	return nil
}

// put adds a run of the block and what was not in it.
func (e *Encoder) put(run []byte, inserted string) {
	if len(run) >= e.least {
		e.list()
		e.pieces = append(e.pieces, run)
	} else {
		e.copied = append(e.copied, run...)
	}
	e.copied = append(e.copied, inserted...)
}

// list makes a piece of what was copied since the last one.
func (e *Encoder) list() {
	if e.listed < len(e.copied) {
		e.pieces = append(e.pieces, e.copied[e.listed:])
		e.listed = len(e.copied)
	}
}
