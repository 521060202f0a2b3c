package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// H14: a reply too many before the content pushes all answers back by one, and is
// never taken for the answer to the content.
func TestSend_H14_AReplyTooManyIsNotTheAnswer(t *testing.T) {
	for offered, keywords := range keywordSets() {
		for _, flight := range []Flight{Envelope, Full, Single} {
			for _, octets := range []int{100, 1_000_000} {
				for _, at := range []string{"RCPT", "DATA", "BDAT"} {
					chunked := slices.Contains(keywords, "CHUNKING")
					if at == "DATA" && chunked || at == "BDAT" && (!chunked || octets == 100) {
						continue
					}
					bubble(t, fmt.Sprint(offered, "/", flight, "/", octets, "/", at), func(t *testing.T) {
						twice := "250 ok\r\n250 too many\r\n"
						if at == "DATA" {
							twice = "354 go\r\n250 too many\r\n"
						}
						on := map[string]smtptest.Step{"RCPT": smtptest.Usual(), "CONTENT": smtptest.Say("550 5.7.1 not kept")}
						on[at] = smtptest.SayRaw(twice)
						if at == "BDAT" { // the answer to the first chunk
							on["CONTENT"] = smtptest.Sequence(smtptest.SayRaw(twice), smtptest.Say("550 5.7.1 not kept"))
						}
						whole := flight == Full && offered == "both" && octets == 100 // it leaves before the first answer
						if whole {
							on["RCPT"], on["CONTENT"] = smtptest.SayRaw(twice+"550 5.7.1 not kept\r\n"), smtptest.Then()
						}
						s, srv, evs := offering(t, flight, on, keywords...)
						m := to("a@example.net")
						m.Content = io.MultiReader(bytes.NewReader(bytes.Repeat([]byte("line\r\n"), octets/6)))
						r, err := s.Send(t.Context(), m)
						want := smtp.NotSent
						if whole {
							want = smtp.Unknown
						}
						if r.Outcome != want || !errors.Is(err, smtp.ErrProtocol) || len(srv.Messages()) != 0 {
							t.Errorf("%v, %v, want %v; the server has %d messages", r, err, want, len(srv.Messages()))
						}
						ended(t, s, evs, smtp.ErrProtocol)
					})
				}
			}
		}
	}
}

// Behind the answer that decides, a goodbye is no reply too many; what says the
// same leaves no doubt, and what says otherwise does.
func TestSend_H14_WhatStandsBehindTheAnswer(t *testing.T) {
	for behind, want := range map[string]smtp.Outcome{
		"421 4.3.2 bye\r\n": smtp.Accepted, "4": smtp.Accepted, "250 again\r\n": smtp.Accepted, "550 5.7.1 no\r\n": smtp.Unknown,
		"250 again\r\n550 no\r\n": smtp.Unknown, "what?\r\n": smtp.Unknown,
	} {
		bubble(t, behind, func(t *testing.T) {
			s, _, _ := offering(t, Envelope, map[string]smtptest.Step{"CONTENT": smtptest.SayRaw("250 kept\r\n" + behind)}, "CHUNKING")
			if r, err := s.Send(t.Context(), to("a@example.net")); r.Outcome != want || (err == nil) != (want == smtp.Accepted) {
				t.Errorf("%v, %v, want %v", r, err, want)
			}
			<-s.Done()
		})
	}
}

func TestLMTP_H14_AReplyTooManyThatSaysOtherwise(t *testing.T) {
	for replies, want := range map[string]string{
		"250 a\r\n250 b\r\n250 c\r\n": "aa", "250 a\r\n250 b\r\n550 c\r\n": "uu", "250 a\r\n550 b\r\n250 c\r\n": "uu", "250 a\r\n550 b\r\n421 bye\r\n": "ar",
	} {
		bubble(t, replies, func(t *testing.T) {
			s, _, _ := enterLMTP(t, smtptest.Config{On: map[string]smtptest.Step{
				"CONTENT": smtptest.Sequence(smtptest.SayRaw(replies), smtptest.Then())}}, Envelope)
			if r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net")); outcomes(r) != want {
				t.Errorf("%v, %v, want %s", outcomes(r), err, want)
			}
			<-s.Done()
		})
	}
}
