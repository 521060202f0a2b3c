package smtptest

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestTranscript_HoldsWhatWasSaid(t *testing.T) {
	s := memory(t, Config{Keywords: []string{"X"}})
	p := greet(t, s)
	p.transaction()
	p.ask("DATA", "354")
	p.ask("secret content\r\n.", "250")
	p.ask("QUIT", "221")
	p.end()
	s.Close()
	var got []string
	for _, e := range s.Transcript() {
		if e.Conn != 1 || time.Since(e.Time) > time.Hour {
			t.Errorf("entry %+v", e)
		}
		got = append(got, e.Kind.String()+" "+e.Text)
	}
	want := []string{
		"S 220 smtptest.test ESMTP smtptest",
		"C EHLO client.example",
		"S 250-smtptest.test greets you",
		"S 250 X",
		"C MAIL FROM:<from@example.org>",
		"S 250 sender ok",
		"C RCPT TO:<to@example.net>",
		"S 250 recipient ok",
		"C DATA",
		"S 354 end with <CRLF>.<CRLF>",
		"- content, 16 octets",
		"S 250 accepted",
		"C QUIT",
		"S 221 bye",
		"- closed",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("transcript:\n%s", strings.Join(got, "\n"))
	}
	wantCommands(t, s, "EHLO client.example", "MAIL FROM:<from@example.org>", "RCPT TO:<to@example.net>", "DATA", "QUIT")
}

func TestTranscript_RedactsAUTH(t *testing.T) {
	for line, want := range map[string]string{
		"AUTH PLAIN c2VjcmV0":     "AUTH PLAIN <redacted>",
		"auth  login  c2VjcmV0 x": "auth login <redacted>",
		"AUTH LOGIN":              "AUTH LOGIN",
		"MAIL FROM:<a@b> AUTH=<>": "MAIL FROM:<a@b> AUTH=<>",
	} {
		if got := redactCommand(line); got != want {
			t.Errorf("%q is shown as %q", line, got)
		}
	}
}

// "DATA" and "NOOP" are base64 too.
func TestTranscript_RedactsAResponseThatLooksLikeACommand(t *testing.T) {
	s := memory(t, authConfig())
	p := greet(t, s)
	p.ask("EHLO client.example", "250")
	p.ask("AUTH LOGIN", "334")
	p.ask("DATA", "334")
	p.ask("NOOP", "535")
	for _, e := range s.Transcript() {
		if e.Text == "DATA" || e.Text == "NOOP" {
			t.Errorf("the transcript shows %v", e)
		}
	}
	wantCommands(t, s, "EHLO client.example", "AUTH LOGIN")
}

func TestTranscript_IsBounded(t *testing.T) {
	var r record
	r.octets = maxOctets
	r.add(1, FromClient, "more", true)
	r.add(1, FromClient, "more", true)
	if len(r.entries) != 1 || r.entries[0].Text != "transcript full" || len(r.commands) != 0 {
		t.Errorf("entries: %v", r.entries)
	}
	var long record
	long.said(1, strings.Repeat("x", 10<<20)+"\r\n")
	if n := len(long.entries[0].Text); n > maxEntryText+10 {
		t.Errorf("an entry of %d octets", n)
	}
}

// A server without a record answers as ever and tells Logf, and has nothing to show.
func TestTranscript_NoRecord(t *testing.T) {
	var told atomic.Int64
	s := memory(t, Config{NoRecord: true, Logf: func(string, ...any) { told.Add(1) }})
	p := greet(t, s)
	p.transaction()
	p.ask("DATA", "354")
	p.ask("content\r\n.", "250")
	p.ask("QUIT", "221")
	p.end()
	s.Close()
	if n := len(s.Transcript()) + len(s.Commands()) + len(s.Messages()); n != 0 {
		t.Errorf("%d things are recorded: %v", n, s.Transcript())
	}
	if c := s.Counts(); told.Load() == 0 || c.Messages != 1 || c.Commands["QUIT"] != 1 {
		t.Errorf("Logf was told %d times, the counts are %+v", told.Load(), c)
	}
}

func TestTranscript_EntryIsPrintable(t *testing.T) {
	e := Entry{Conn: 3, Kind: FromServer, Text: "250 \x1b[2J"}
	if got := e.String(); got != `3 S: "250 \x1b[2J"` {
		t.Errorf("printed as %s", got)
	}
}
