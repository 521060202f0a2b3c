package session

import (
	"fmt"
	"strconv"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// body is the content of a message on its way out.
type body struct {
	chunked bool  // by BDAT (RFC 3030), else by DATA
	asIs    bool  // goes as it is: nothing is normalised
	open    bool  // DATA was answered 354
	block   int64 // octets of content in pieces, where it goes as it is
	encoder transport.Encoder
	header  []byte   // of a chunk
	pieces  [][]byte // of what goes out next

	strictLines bool
	no8Bit      error // why an octet over 127 is refused, nil if it is not
	toldAt      time.Time
	credit      time.Duration // that MinRate leaves
}

// endOfData ends the content of DATA where its last line is ended (RFC 5321
// 4.1.1.4).
var endOfData = []byte(".\r\n")

// reset prepares the next message.
func (b *body) reset(d *delivery) {
	m := d.message
	b.chunked, b.open = d.chunks(), false
	b.asIs = d.mail.Body == smtp.BodyBinaryMIME || b.chunked && m.Canonical || d.clean && (b.chunked || d.scanned.DotLines == 0)
	if c, ok := d.content.(*inMemory); ok {
		c.atOnce = b.asIs
	}
	b.encoder.Dots, b.encoder.Strict = !b.chunked, m.Newlines == smtp.RefuseBareNewlines
	b.encoder.Reset()
	b.strictLines, b.no8Bit = m.StrictLines, d.mail.Refuses8Bit(d.terms, m.Allow8Bit)
	b.toldAt, b.credit = time.Time{}, rateGrace
}

// encode makes the next pieces of a block, with the end of the content if it is
// the last, and refuses what must not go out.
func (b *body) encode(block []byte, last bool) error {
	if b.asIs {
		b.block, b.pieces = int64(len(block)), append(b.pieces[:0], block)
		if last && !b.chunked {
			b.pieces = append(b.pieces, endOfData)
		}
		return nil
	}
	pieces, err := b.encoder.Encode(block)
	if err != nil {
		return err
	}
	b.pieces = append(b.pieces[:0], pieces...)
	if last {
		end, err := b.encoder.End()
		if err != nil {
			return err
		}
		if len(end) > 0 {
			b.pieces = append(b.pieces, end)
		}
	}
	f := b.encoder.Facts()
	switch {
	case f.EightBit && b.no8Bit != nil:
		return b.no8Bit
	case b.strictLines && f.LongLines > 0:
		return errLongLine(f)
	}
	return nil
}

func errLongLine(f transport.Facts) error {
	return smtp.Invalid(fmt.Sprintf("a line of %d octets: StrictLines wants at most 998 (RFC 5322 2.1.1)", f.Longest))
}

func octetsOf(pieces [][]byte) (n int64) {
	for _, p := range pieces {
		n += int64(len(p))
	}
	return n
}

// chunk returns the BDAT line of a chunk of n octets (RFC 3030 2). It is good until
// the next call.
func (b *body) chunk(n int64, last bool) []byte {
	b.header = strconv.AppendInt(append(b.header[:0], "BDAT "...), n, 10)
	if last {
		b.header = append(b.header, " LAST"...)
	}
	b.header = append(b.header, "\r\n"...)
	return b.header
}

// behind appends to pieces the header of a chunk, if there is one, and what stands
// behind it: in one piece where the block has its lead in front of it. The write uses
// the pieces up, and those of b are still to be counted.
func (b *body) behind(header, buffer []byte, pieces [][]byte) [][]byte {
	rest := b.pieces
	switch {
	case header == nil:
	case len(buffer) > lead && len(rest) > 0 && len(rest[0]) > 0 && &rest[0][0] == &buffer[lead]:
		copy(buffer[lead-len(header):], header)
		pieces = append(pieces, buffer[lead-len(header):lead+len(rest[0])])
		rest = rest[1:]
	default:
		pieces = append(pieces, header)
	}
	return append(pieces, rest...)
}

// rateGrace is how long a server may take less than MinRate in all, to begin
// with.
const rateGrace = 30 * time.Second
