package smtptest

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// What a server keeps of what was said; later entries are not recorded.
const (
	maxEntries   = 1 << 19
	maxOctets    = 64 << 20
	maxEntryText = 4096
)

// redacted stands where a transcript would show a secret.
const redacted = "<redacted>"

// EntryKind says whose an [Entry] is.
type EntryKind uint8

const (
	FromClient EntryKind = iota // a line of the client
	FromServer                  // a line of the server
	Note                        // what happened: "TLS 1.3 handshake", "content, 120 octets", "closed", "reset", "closed by the client"
)

// String returns "C", "S" or "-".
func (k EntryKind) String() string {
	switch k {
	case FromClient:
		return "C"
	case FromServer:
		return "S"
	case Note:
	}
	return "-"
}

// Entry is one line of a transcript. What AUTH carries, in either direction, is
// "<redacted>", since transcripts get printed. Content is never in it.
type Entry struct {
	Conn int // the connection's number, from 1; 0: the server as a whole
	Time time.Time
	Kind EntryKind
	Text string // without the line end; more than 4,096 octets are cut
}

// String returns the entry as one printable line, such as `1 C: "QUIT"`.
func (e Entry) String() string {
	return fmt.Sprintf("%d %v: %q", e.Conn, e.Kind, e.Text)
}

// record is what a server remembers. Safe for concurrent use.
type record struct {
	logf func(string, ...any)
	none bool // nothing is kept

	mu       sync.Mutex
	entries  []Entry
	commands []string
	octets   int
	full     bool
	messages []*Message
	content  int64 // octets of content kept
	counts   Counts
}

func (r *record) add(conn int, kind EntryKind, text string, command bool) {
	if len(text) > maxEntryText {
		text = text[:maxEntryText] + "…"
	}
	e := Entry{Conn: conn, Time: time.Now(), Kind: kind, Text: text}
	r.mu.Lock()
	switch {
	case r.full || r.none:
	case len(r.entries) >= maxEntries || r.octets+len(text) > maxOctets:
		r.full = true
		r.entries = append(r.entries, Entry{Time: e.Time, Kind: Note, Text: "transcript full"})
	default:
		r.octets += len(text)
		r.entries = append(r.entries, e)
		if command {
			r.commands = append(r.commands, text)
		}
	}
	r.mu.Unlock()
	if r.logf != nil {
		r.logf("smtptest: %v", e)
	}
}

func (r *record) note(conn int, format string, args ...any) {
	r.add(conn, Note, fmt.Sprintf(format, args...), false)
}

// said records what the server writes, a line an entry.
func (r *record) said(conn int, octets string) {
	if len(octets) > maxOctets/64 {
		octets = octets[:maxOctets/64] + "…"
	}
	for line := range strings.Lines(octets) {
		r.add(conn, FromServer, redactReply(strings.TrimRight(line, "\r\n")), false)
	}
}

// redactReply hides the challenge of a 334.
func redactReply(line string) string {
	if strings.HasPrefix(line, "334") && len(line) > len("334 ") {
		return line[:4] + redacted
	}
	return line
}

// redactCommand hides the payload of AUTH.
func redactCommand(line string) string {
	if verbOf(line) != "AUTH" {
		return line
	}
	fields := strings.Fields(line)
	if len(fields) <= 2 {
		return line
	}
	return fields[0] + " " + fields[1] + " " + redacted
}

// Transcript returns a copy of what was said so far, in the order in which the
// server saw it. A reply is recorded just before it is written.
func (s *Server) Transcript() []Entry {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return append([]Entry(nil), s.record.entries...)
}

// Commands returns the command lines received so far, in order, over all
// connections. The payload of AUTH is "<redacted>"; the client's answers to a
// 334 are no commands and stand in the transcript only.
func (s *Server) Commands() []string {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return append([]string(nil), s.record.commands...)
}
