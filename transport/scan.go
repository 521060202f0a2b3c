package transport

import (
	"bytes"
	"encoding/binary"
)

// maxTextLine is what a line of content may hold without its CRLF, in octets
// (RFC 5321 4.5.3.1.6).
const maxTextLine = 998

// scanBlock is how many octets a [Scanner] takes at a time: each of its passes
// finds them in the cache.
const scanBlock = 16 << 10

// Facts is what a message's content is like. Its lines are those it has on the
// wire: CRLF ends one, and so does a bare CR or a bare LF.
type Facts struct {
	Octets         int64 // with each line ended by CRLF and no dot stuffed: what SIZE= and BDAT count
	DotLines       int64 // lines that begin with a dot; DATA adds an octet to each
	LongLines      int64 // lines of more than 998 octets without their end
	Longest        int64 // octets of the longest line without its end
	BareCRs        int64 // CRs that no LF follows
	BareLFs        int64 // LFs that no CR precedes
	FirstBare      int64 // offset of the first of these in the content, in octets; -1 if there is none
	EightBit       bool  // there is an octet over 127
	EightBitHeader bool  // there is one before the first empty line
	Ended          bool  // the last line is ended; so it is where there is no line
}

// Clean reports that the content needs no change to go out by BDAT, and by DATA
// none but stuffed dots.
func (f Facts) Clean() bool { return f.FirstBare < 0 && f.Ended }

// Scan returns the facts about a whole content.
func Scan(content []byte) Facts {
	var s Scanner
	s.Scan(content)
	return s.Facts()
}

// Scanner gathers [Facts] about content that comes in blocks. Where they are cut
// makes no difference. The zero value is ready for use, by one goroutine.
type Scanner struct {
	facts  Facts // but for what is only known at the end; FirstBare is one higher
	source int64 // octets seen
	column int64 // octets of the open line
	cr     bool  // the last octet was a CR; it has ended its line, and a LF would belong to it
	body   bool  // the header is over
}

// Facts returns the facts as they are if the content ends here.
func (s *Scanner) Facts() Facts {
	end := *s // the content may go on
	end.settle()
	f := &end.facts
	f.FirstBare--
	f.Octets = end.source + f.BareCRs + f.BareLFs
	f.Ended = end.column == 0
	if !f.Ended {
		f.Octets += 2
		end.endLine()
	}
	return *f
}

// Scan looks at the next block.
func (s *Scanner) Scan(block []byte) {
	for len(block) > 0 {
		n := min(len(block), scanBlock)
		s.scan(block[:n])
		block = block[n:]
	}
}

func (s *Scanner) scan(b []byte) {
	// The quick walk misses a bare CR, and a line's end before the place where it
	// guessed one. Both show in the counts; then what it found is worth nothing.
	walked := *s
	header, crs, lfs := walked.walk(b, true)
	if crs != bytes.Count(b, []byte{'\r'}) || lfs != bytes.Count(b, []byte{'\n'}) {
		walked = *s
		header, _, _ = walked.walk(b, false)
	}
	f := &walked.facts
	f.EightBitHeader = f.EightBitHeader || eightBit(header)
	f.EightBit = f.EightBit || eightBit(b)
	walked.source += int64(len(b))
	*s = walked
}

// walk goes from line to line. It returns what of b belongs to the header, and
// how many CRs and LFs it met. When quick, it goes from CRLF to CRLF without a
// search as long as lines have one length, as those of base64 do.
func (s *Scanner) walk(b []byte, quick bool) (header []byte, crs, lfs int) {
	const enough = 4 // lines alike before the next is taken for one
	f := &s.facts
	p := 0
	if s.cr && b[0] == '\n' {
		s.cr = false
		lfs++
		p++
	}
	s.settle()
	if !s.body {
		header = b
	}
	last, alike := 0, 0 // octets of text of the line before, and how many before that had as many
	for p < len(b) {
		if alike >= enough {
			n := s.walkAlike(b[p:], last)
			crs, lfs, p = crs+n, lfs+n, p+n*(last+2)
			if alike = 0; p == len(b) {
				break
			}
		}
		if s.column == 0 && b[p] == '.' {
			f.DotLines++
		}
		text, end := nextLine(b[p:], !quick)
		start := p
		p += text
		s.column += int64(text)
		switch {
		case end == 0:
			return header, crs, lfs
		case end == 2:
			crs++
			lfs++
		case b[p] == '\n':
			lfs++
			f.BareLFs++
			s.bare(int64(p))
		case p+1 == len(b):
			crs++
			s.cr = true
		default:
			f.BareCRs++
			s.bare(int64(p))
		}
		p += end
		if s.column == 0 && !s.body {
			s.body = true
			header = b[:start]
		}
		s.endLine()
		if alike++; !quick || text != last || text == 0 {
			alike = 0
		}
		last = text
	}
	return header, crs, lfs
}

// walkAlike counts the lines of so many octets that b begins with.
func (s *Scanner) walkAlike(b []byte, text int) (lines int) {
	for text+1 < len(b) && b[text] == '\r' && b[text+1] == '\n' {
		if b[0] == '.' {
			s.facts.DotLines++
		}
		b = b[text+2:]
		lines++
	}
	if text > maxTextLine {
		s.facts.LongLines += int64(lines)
	}
	return lines
}

// endLine counts the open line, which has found its end.
func (s *Scanner) endLine() {
	s.facts.Longest = max(s.facts.Longest, s.column)
	if s.column > maxTextLine {
		s.facts.LongLines++
	}
	s.column = 0
}

// settle decides that the CR at the end of the block before is a bare one.
func (s *Scanner) settle() {
	if s.cr {
		s.cr = false
		s.facts.BareCRs++
		s.bare(-1)
	}
}

// bare notes where the first bare CR or LF is, i octets after the blocks before.
func (s *Scanner) bare(i int64) {
	if s.facts.FirstBare == 0 {
		s.facts.FirstBare = s.source + i + 1
	}
}

// nextLine returns how many octets of text come before the first end of a line
// in b, and how many make that end: 2 for CRLF, 1 for a LF, for a CR that is
// the last octet of b and, with bareCRs, for any other CR without LF; 0 if
// there is none. b must not be empty.
func nextLine(b []byte, bareCRs bool) (text, end int) {
	if bareCRs {
		return nextAnyLine(b)
	}
	i := bytes.IndexByte(b, '\n')
	switch {
	case i > 0 && b[i-1] == '\r':
		return i - 1, 2
	case i >= 0:
		return i, 1
	case b[len(b)-1] == '\r':
		return len(b) - 1, 1
	}
	return len(b), 0
}

// nextAnyLine is [nextLine] with bareCRs. It looks at each octet: a search for
// CR beside one for LF would run to the end of the block time and again.
func nextAnyLine(b []byte) (text, end int) {
	for i, c := range b {
		switch {
		case c == '\r' && i+1 < len(b) && b[i+1] == '\n':
			return i, 2
		case c == '\r' || c == '\n':
			return i, 1
		}
	}
	return len(b), 0
}

// eightBit reports whether an octet of b is over 127, 32 of them at a time.
func eightBit(b []byte) bool {
	const high = 0x8080808080808080
	for ; len(b) >= 32; b = b[32:] {
		w := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if w&high != 0 {
			return true
		}
	}
	for _, c := range b {
		if c > 127 {
			return true
		}
	}
	return false
}
