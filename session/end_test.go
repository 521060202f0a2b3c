package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
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
			if r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net")); outcomes(r) != want || (want[0] == 'u') != r.Reply.IsZero() {
				t.Errorf("%v, %v, %v, want %s", outcomes(r), r.Reply, err, want)
			}
			<-s.Done()
		})
	}
}

// H14: where everything left in one write, an answer too many before the others, or a
// goodbye with others behind it, makes all of them doubtful.
func TestSend_H14_AnAnswerTooManyBeforeThoseOfAFullFlight(t *testing.T) {
	const kept, dropped = "250 ok\r\n250 ok\r\n250 kept\r\n", "250 ok\r\n250 ok\r\n550 5.7.1 no\r\n"
	for replies, want := range map[string]smtp.Outcome{
		"450 hm\r\n" + kept: smtp.Unknown, "550 hm\r\n" + kept: smtp.Unknown, "421 hm\r\n" + kept: smtp.Unknown,
		"450 hm\r\n" + dropped: smtp.Unknown, "550 no\r\n503 no\r\n250 kept\r\n": smtp.Unknown,
		"250 ok\r\n421 hm\r\n250 ok\r\n250 kept\r\n": smtp.Unknown, "250 ok\r\n250 ok\r\n421 hm\r\n250 kept\r\n": smtp.Unknown,
		"421 bye\r\n": smtp.Rejected, "421 bye\r\n421 bye\r\n421 bye\r\n": smtp.Rejected, "421 bye\r\n503 no\r\n503 no\r\n": smtp.Rejected,
		"550 no\r\n503 no\r\n503 no\r\n": smtp.Rejected, "250 ok\r\n250 ok\r\n421 bye\r\n": smtp.Rejected, "250 ok\r\n250 ok\r\n451 hm\r\n421 hm\r\n250 kept\r\n": smtp.Unknown,
	} {
		bubble(t, replies, func(t *testing.T) {
			srv := memory(t, smtptest.Config{Script: func(c *smtptest.Conn) {
				_ = c.Write("220 mx.test\r\n")
				for line, err := c.ReadLine(); err == nil; line, err = c.ReadLine() {
					switch verb, _, _ := strings.Cut(line, " "); verb {
					case "EHLO":
						_ = c.Write("250-mx.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
					case "BDAT":
						if _, err := c.ReadContent(); err == nil {
							_ = c.Write(replies)
						}
					case "QUIT":
						_ = c.Write("221 bye\r\n")
					}
				}
			}})
			c := reach(srv, Extended)
			c.Dialer, c.Flight = srv, Full
			s := linked(t, c)
			r, err := s.Send(t.Context(), to("a@example.net"))
			if r.Outcome != want || err == nil || want == smtp.Unknown && (smtp.SafeToRetry(err) || !errors.Is(err, smtp.ErrProtocol) && smtp.Code(err) != 421) {
				t.Errorf("%v, %v, want %v", r, err, want)
			}
			_ = s.Close()
			<-s.Done()
		})
	}
}

// So it is for each of several recipients, one of whom was refused.
func TestSend_H14_AGoodbyeTooManyForSomeOfAFullFlight(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s, _, _ := offering(t, Full, map[string]smtptest.Step{
			"RCPT": smtptest.Sequence(smtptest.Say("550 5.1.1 no"), smtptest.Usual()), "CONTENT": smtptest.SayRaw("421 hm\r\n250 kept\r\n"),
		}, "PIPELINING", "CHUNKING")
		if r, err := s.Send(t.Context(), to("a@example.net", "b@example.net")); outcomes(r) != "uu" || err == nil {
			t.Errorf("%v, %v", outcomes(r), err)
		}
		<-s.Done()
	})
}

// Where an envelope takes several flights the content of a full one has not left with the
// first: what it is answered decides.
func TestSend_H14_AnswersToTheFirstFlightOfMany(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s, srv, _ := offering(t, Full, map[string]smtptest.Step{"MAIL": smtptest.Say("550 5.7.1 no"), "RCPT": smtptest.Say("250 ok")}, "PIPELINING", "CHUNKING")
		many := make([]string, 200)
		for i := range many {
			many[i] = fmt.Sprintf("recipient-number-%d@example.net", i)
		}
		r, err := s.Send(t.Context(), to(many...))
		if r.Outcome != smtp.Rejected || smtp.Code(err) != 550 || smtp.SafeToRetry(err) || said(srv, "BDAT") != 0 {
			t.Errorf("%v, %v", r, err)
		}
		<-s.Done()
	})
}

// A hook that ends its goroutine at the end of the content takes nobody's answer, by
// LMTP too.
func TestLMTP_H23_AHookAtTheEndOfTheContent(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		srv := memory(t, smtptest.Config{LMTP: true, Keywords: []string{"PIPELINING"}})
		c := reachLMTP(srv)
		c.Hooks = []events.Hook{verbHook{false, func(verb string) {
			if verb == "." {
				runtime.Goexit()
			}
		}}}
		s := linked(t, c)
		if r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net")); outcomes(r) != "aa" || err != nil {
			t.Errorf("%v, %v", outcomes(r), err)
		}
		<-s.Done()
	})
}

// A goodbye decides a message, unless an acceptance stands behind it.
func TestSend_H15_AGoodbyeWithAnAnswerBehindIt(t *testing.T) {
	for replies, want := range map[string]smtp.Outcome{
		"421 bye\r\n": smtp.Rejected, "421 bye\r\n451 no\r\n": smtp.Rejected, "421 bye\r\n250 kept\r\n": smtp.Unknown,
	} {
		for offered, keywords := range keywordSets() {
			bubble(t, offered+"/"+replies, func(t *testing.T) {
				s, _, _ := offering(t, Envelope, map[string]smtptest.Step{"CONTENT": smtptest.SayRaw(replies)}, keywords...)
				if r, err := s.Send(t.Context(), to("a@example.net")); r.Outcome != want || err == nil {
					t.Errorf("%v, %v, want %v", r, err, want)
				}
				<-s.Done()
			})
		}
	}
}

func TestLMTP_H15_AGoodbyeIsForThoseWhoAreLeft(t *testing.T) {
	for replies, want := range map[string]string{
		"421 bye\r\n": "rrr", "421 a\r\n250 b\r\n250 c\r\n": "raa", "421 a\r\n550 b\r\n250 c\r\n": "rra", "250 a\r\n421 b\r\n": "arr",
		"421 a\r\n250 b\r\n": "uuu", "421 a\r\n550 b\r\n": "rrr", "421 a\r\n250 b\r\n250 c\r\n250 d\r\n": "uuu",
	} {
		bubble(t, replies, func(t *testing.T) {
			s, _, _ := enterLMTP(t, smtptest.Config{On: map[string]smtptest.Step{
				"CONTENT": smtptest.Sequence(smtptest.SayRaw(replies), smtptest.Then())}}, Envelope)
			if r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net", "c@example.net")); outcomes(r) != want || err == nil {
				t.Errorf("%v, %v, want %s", outcomes(r), err, want)
			}
			<-s.Done()
		})
	}
}

// A hook that breaks at the end of the content changes nothing of what is known.
func TestSend_H23_HooksAtTheEndOfTheContent(t *testing.T) {
	type when struct {
		start bool
		how   func()
	}
	for name, h := range map[string]when{
		"start panics": {true, func() { panic("x") }}, "start ends its goroutine": {true, runtime.Goexit},
		"end panics": {false, func() { panic("x") }}, "end ends its goroutine": {false, runtime.Goexit},
	} {
		for offered, keywords := range keywordSets() {
			bubble(t, offered+"/"+name, func(t *testing.T) {
				srv := memory(t, smtptest.Config{Keywords: keywords})
				c := reach(srv, Extended)
				c.Dialer, c.Hooks = srv, []events.Hook{verbHook{h.start, func(verb string) {
					if verb == "." || verb == "BDAT" {
						h.how()
					}
				}}}
				s := linked(t, c)
				r, err := s.Send(t.Context(), to("a@example.net"))
				<-s.Done()
				allClosed(t, srv)
				want := map[bool]smtp.Outcome{true: smtp.NotSent, false: smtp.Accepted}[h.start]
				if kept := len(srv.Messages()); r.Outcome != want || (kept == 1) != (want == smtp.Accepted) || (err == nil) != (want == smtp.Accepted) {
					t.Errorf("%v, %v, want %v; kept %d", r, err, want, kept)
				}
			})
		}
	}
}

// verbHook is told of the start of each command, or of its end.
type verbHook struct {
	starts bool
	hear   func(verb string)
}

func (h verbHook) CommandStart(ctx context.Context, s events.CommandStart) context.Context {
	if h.starts {
		h.hear(s.Verb)
	}
	return ctx
}

func (h verbHook) CommandEnd(_ context.Context, e events.CommandEnd) {
	if !h.starts {
		h.hear(e.Verb)
	}
}

// A reply too many in a full flight may have pushed any other back: nobody's fate
// is known, not that of who seems to be refused.
func TestSend_H14_AReplyTooManyInAFullFlight(t *testing.T) {
	for want, steps := range map[string][]smtptest.Step{
		"u":  {smtptest.SayRaw("550 5.1.1 no\r\n250 too many\r\n250 ok\r\n")},
		"uu": {smtptest.SayRaw("550 5.1.1 no\r\n"), smtptest.SayRaw("250 too many\r\n250 ok\r\n250 ok\r\n")},
	} {
		bubble(t, want, func(t *testing.T) {
			s, _, evs := offering(t, Full, map[string]smtptest.Step{"RCPT": smtptest.Sequence(steps...), "CONTENT": smtptest.Then()}, "PIPELINING", "CHUNKING")
			r, err := s.Send(t.Context(), to([]string{"a@example.net", "b@example.net"}[:len(want)]...))
			if outcomes(r) != want || !errors.Is(err, smtp.ErrProtocol) || !r.Reply.IsZero() {
				t.Errorf("%s, %v, want %s", outcomes(r), err, want)
			}
			ended(t, s, evs, smtp.ErrProtocol)
		})
	}
}
