package peer

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
)

// The envelope of every message.
const (
	From = "sender@client.test"
	To   = "recipient@mx.test"
)

// Way is how a message travels.
type Way struct {
	Chunked bool // by BDAT, else by DATA
	One     bool // of BDAT: all in one flight, else the envelope in one before it
	Form    Form
}

// Form is what a client is told of the content.
type Form uint8

// The forms.
const (
	Known     Form = iota // octets in memory
	Canonical             // the same, and the caller's word for its lines, where a client takes it
	Unknown               // an io.Reader and nothing else
)

// Letter is a message that is sent again and again. Raw writes its flights; the
// others are given the content, which is a part of the last flight: the same
// memory for all, since what the kernel takes to copy octets hangs on where they
// are.
type Letter struct {
	Way     Way
	Content []byte
	Flights []Flight
}

// Flight is what raw writes at once, and how many replies it waits for.
type Flight struct {
	Octets  []byte
	Replies int
}

// NewLetter makes one whose content has so many octets, 200 at least.
func NewLetter(octets int, w Way) *Letter {
	content := Content(octets)
	envelope := "MAIL FROM:<" + From + ">\r\nRCPT TO:<" + To + ">\r\n"
	before, after, replies := fmt.Sprintf("BDAT %d LAST\r\n", len(content)), "", 2
	if !w.Chunked {
		envelope += "DATA\r\n"
		before, after, replies = "", ".\r\n", 3
	}
	if w.Chunked && w.One {
		before = envelope + before
	}
	whole := make([]byte, 0, len(before)+len(content)+len(after))
	whole = append(append(append(whole, before...), content...), after...)
	l := &Letter{Way: w, Content: whole[len(before) : len(before)+len(content)]}
	if w.Chunked && w.One {
		l.Flights = []Flight{{whole, replies + 1}}
	} else {
		l.Flights = []Flight{{[]byte(envelope), replies}, {whole, 1}}
	}
	return l
}

// inChunks returns the letter in flights of one chunk each, behind its envelope.
func (l *Letter) inChunks(size int) *Letter {
	in := *l
	in.Flights = l.Flights[:1:1]
	for chunk := range slices.Chunk(l.Content, size) {
		in.Flights = append(in.Flights, Flight{append(fmt.Appendf(nil, "BDAT %d\r\n", len(chunk)), chunk...), 1})
	}
	last := &in.Flights[len(in.Flights)-1]
	last.Octets = bytes.Replace(last.Octets, []byte("\r\n"), []byte(" LAST\r\n"), 1)
	return &in
}

// Content makes a message of so many octets, or one less: a header, and lines of
// base64 that are the same each time.
func Content(octets int) []byte {
	const line = 76
	content := make([]byte, 0, octets+line)
	content = append(content, "From: <"+From+">\r\nTo: <"+To+">\r\nSubject: a measurement\r\n"+
		"Content-Transfer-Encoding: base64\r\n\r\n"...)
	source := rand.NewChaCha8([32]byte{})
	var b [line / 4 * 3]byte
	for len(content) < octets-2 {
		_, _ = source.Read(b[:])
		content = base64.StdEncoding.AppendEncode(content, b[:])
		content = append(content[:min(len(content), octets-2)], "\r\n"...)
	}
	return content
}

// reader returns a reader of the content as its form wants it, and what it wraps,
// to be reset.
func (l *Letter) reader() (io.Reader, *bytes.Reader) {
	octets := bytes.NewReader(l.Content)
	if l.Way.Form == Unknown {
		return struct{ io.Reader }{octets}, octets
	}
	return octets, octets
}

// pour writes content to a client that takes it by an io.Writer: octets that are
// known by one Write, a reader by io.Copy.
func (l *Letter) pour(w io.Writer, content []byte) (int64, error) {
	if l.Way.Form == Unknown {
		return io.Copy(w, struct{ io.Reader }{bytes.NewReader(content)})
	}
	n, err := w.Write(content)
	return int64(n), err
}
