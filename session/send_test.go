package session

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// letter is a message of a few lines, with all that a line may begin or end with.
const letter = "Subject: dots\r\n\r\n.\r\n..two\r\n.three\r\nend\r\n"

// contents are the ways to give the same octets.
func contents(text string) map[string]func() io.Reader {
	return map[string]func() io.Reader{
		"bytes.Reader":   func() io.Reader { return bytes.NewReader([]byte(text)) },
		"bytes.Buffer":   func() io.Reader { return bytes.NewBufferString(text) },
		"strings.Reader": func() io.Reader { return strings.NewReader(text) },
		"io.Reader":      func() io.Reader { return io.MultiReader(strings.NewReader(text)) },
	}
}

// keywords that make a difference to how a message travels.
func keywordSets() map[string][]string {
	return map[string][]string{
		"neither":    {"8BITMIME", "SMTPUTF8"},
		"PIPELINING": {"8BITMIME", "PIPELINING"},
		"CHUNKING":   {"CHUNKING", "8BITMIME"},
		"both":       {"CHUNKING", "PIPELINING", "8BITMIME", "SIZE 100000000"},
	}
}

func TestSend_WhatArrivesIsWhatWasMeant(t *testing.T) {
	large := "Subject: large\r\n\r\n" + strings.Repeat(".a line that begins with a dot\r\nand one that does not\r\n", 20_000)
	texts := map[string]string{
		"letter": letter, "empty": "", "a dot": ".\r\n", "large": large, "8-bit": "Subject: x\r\n\r\nGrüße\r\n",
		"a long line": "Subject: x\r\n\r\n" + strings.Repeat("x", 3000) + "\r\n",
	}
	for offered, keywords := range keywordSets() {
		for _, flight := range []Flight{Envelope, Full, Single} {
			for name, text := range texts {
				for from, content := range contents(text) {
					t.Run(fmt.Sprint(offered, "/", flight, "/", name, "/", from), func(t *testing.T) {
						srv := memory(t, smtptest.Config{Mode: smtptest.Implicit, Keywords: keywords})
						config := reach(srv, Extended|SecureImplicit)
						config.Dialer, config.Flight = srv, flight
						s := newSession(t, config)
						evs := record(t, s)
						if err := s.Connect(t.Context()); err != nil {
							t.Fatal(err)
						}
						for range 2 {
							r, err := s.Send(t.Context(), &smtp.Message{Mail: smtp.Mail{From: "from@example.org"}, Recipients: smtp.To("a@example.net", "b@example.net"), Content: content()})
							if err != nil || r.Outcome != smtp.Accepted || r.Octets != int64(len(text)) || r.Chunked != strings.Contains(strings.Join(keywords, " "), "CHUNKING") {
								t.Errorf("%v: %+v, %d octets, chunked %v", err, r, r.Octets, r.Chunked)
							}
						}
						leave(t, s, evs)
						got := srv.Messages()
						if len(got) != 2 {
							t.Fatalf("%d messages", len(got))
						}
						for _, m := range got {
							if string(m.Content) != text || m.From != "from@example.org" || len(m.To) != 2 {
								t.Errorf("%d octets of %d, from %q to %q", len(m.Content), len(text), m.From, m.To)
							}
						}
					})
				}
			}
		}
	}
}

func TestSend_RoundTrips(t *testing.T) {
	for offered, want := range map[string]map[Flight]int{
		"both":       {Full: 1, Envelope: 2, Single: 3},
		"PIPELINING": {Full: 2, Envelope: 2, Single: 4},
		"CHUNKING":   {Full: 3, Envelope: 3, Single: 3},
		"neither":    {Full: 4, Envelope: 4, Single: 4},
	} {
		for flight, trips := range want {
			srv := memory(t, smtptest.Config{Keywords: keywordSets()[offered]})
			config := reach(srv, Extended)
			config.Dialer, config.Flight = srv, flight
			s := linked(t, config)
			r, err := s.Send(t.Context(), &smtp.Message{Mail: smtp.Mail{From: "from@example.org"}, Recipients: smtp.To("a@example.net"), Content: strings.NewReader(letter)})
			if err != nil || r.Flights != trips {
				t.Errorf("%s, %v: %d round trips, want %d; %v", offered, flight, r.Flights, trips, err)
			}
		}
	}
}

var _ = slices.Contains[[]string]
var _ = errors.Is
var _ tls.Config
