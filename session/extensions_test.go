package session

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// takes is a server that believes every parameter, and the commands it heard.
func takes(t testing.TB, mode smtptest.TLSMode, o Options, keywords ...string) (*Session, *smtptest.Server) {
	t.Helper()
	srv := memory(t, smtptest.Config{Mode: mode, Keywords: keywords, On: map[string]smtptest.Step{
		"MAIL": smtptest.Say("250 2.1.0 ok"), "RCPT": smtptest.Say("250 2.1.5 ok"),
	}})
	config := reach(srv, o)
	config.Dialer = srv
	return linked(t, config), srv
}

// An extension is used when it is offered and the message asks for it; where it
// is not offered nothing is sent.
func TestSend_Extensions(t *testing.T) {
	until := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		keyword string
		change  func(*smtp.Message)
		mail    string // what MAIL says behind the path
		rcpt    string
	}{
		{"8BITMIME", func(m *smtp.Message) { m.Content = strings.NewReader("a: b\r\n\r\nGrüße\r\n") }, "BODY=8BITMIME", ""},
		{"SMTPUTF8", func(m *smtp.Message) { m.From = "grüße@example.org" }, "SMTPUTF8", ""},
		{"DSN", func(m *smtp.Message) { m.Return, m.EnvelopeID = smtp.ReturnHeaders, "id+1" }, "RET=HDRS ENVID=id+2B1", ""},
		{"DSN", func(m *smtp.Message) { m.Recipients[0].Notify = smtp.NotifyNever }, "", "NOTIFY=NEVER"},
		{"DSN", func(m *smtp.Message) { m.Recipients[0].Original = smtp.Original{Address: "bob@example.com"} }, "", "ORCPT=rfc822;bob@example.com"},
		{"DELIVERBY 60", func(m *smtp.Message) {
			m.DeliverBy = smtp.DeliverBy{Within: time.Hour, Mode: smtp.ByNotify, Trace: true}
		}, "BY=3600;NT", ""},
		{"FUTURERELEASE 86400 2031-01-01T00:00:00Z", func(m *smtp.Message) { m.HoldFor = time.Hour }, "HOLDFOR=3600", ""},
		{"FUTURERELEASE 86400 2031-01-01T00:00:00Z", func(m *smtp.Message) { m.HoldUntil = until }, "HOLDUNTIL=2030-01-02T03:04:05Z", ""},
		{"MT-PRIORITY", func(m *smtp.Message) { m.Priority = new(-3) }, "MT-PRIORITY=-3", ""},
		{"RRVS", func(m *smtp.Message) { m.Recipients[0].ValidSince.Time = until }, "", "RRVS=2030-01-02T03:04:05Z;R"},
		{"AUTH PLAIN", func(m *smtp.Message) { m.Auth = "<>" }, "AUTH=<>", ""},
		{"REQUIRETLS", func(m *smtp.Message) { m.RequireTLS = true }, "REQUIRETLS", ""},
		{"BINARYMIME", func(m *smtp.Message) { m.Body = smtp.BodyBinaryMIME }, "BODY=BINARYMIME", ""},
	} {
		for _, offered := range []bool{true, false} {
			t.Run(fmt.Sprint(c.keyword, c.mail, c.rcpt, "/", offered), func(t *testing.T) {
				keywords := []string{"CHUNKING"}
				if offered {
					keywords = append(keywords, c.keyword)
				}
				s, srv := takes(t, smtptest.Implicit, Extended|SecureImplicit, keywords...)
				m := to("a@example.net")
				c.change(m)
				r, err := s.Send(t.Context(), m)
				if !offered {
					keyword, _, _ := strings.Cut(c.keyword, " ")
					if !errors.Is(err, smtp.ErrNotOffered) || !strings.Contains(err.Error(), keyword) || r.Outcome != smtp.NotSent || said(srv, "MAIL") != 0 {
						t.Errorf("%v, %v, %q", r, err, srv.Commands())
					}
					return
				}
				line := func(path, more string) string { return strings.TrimSpace(path + " " + more) }
				want := []string{line("MAIL FROM:<"+m.From+">", c.mail), line("RCPT TO:<a@example.net>", c.rcpt)}
				if got := srv.Commands()[1:3]; err != nil || !slices.Equal(got, want) {
					t.Errorf("%q, want %q: %v", got, want, err)
				}
			})
		}
	}
}

// C11: without ESMTP no parameter ever; what would need one is refused.
func TestSend_C11_NoParameterWithoutESMTP(t *testing.T) {
	s, srv := takes(t, smtptest.Plain, None, "8BITMIME", "SIZE 1000", "DSN", "PIPELINING", "CHUNKING")
	if _, err := s.Send(t.Context(), to("a@example.net")); err != nil {
		t.Fatal(err)
	}
	wantCommands(t, srv, "HELO client.test", "MAIL FROM:<from@example.org>", "RCPT TO:<a@example.net>", "DATA")
	m := to("a@example.net")
	m.Return = smtp.ReturnFull
	if _, err := s.Send(t.Context(), m); !errors.Is(err, smtp.ErrNotOffered) {
		t.Error(err)
	}
}

// RFC 8689: only within TLS whose certificate was verified.
func TestSend_REQUIRETLSWantsVerifiedTLS(t *testing.T) {
	for _, c := range []struct {
		mode smtptest.TLSMode
		o    Options
		ok   bool
	}{
		{smtptest.Plain, Extended, false}, {smtptest.StartTLS, Extended | SecureExplicit, true}, {smtptest.StartTLS, Extended | SecureExplicit | TrustedSite, true},
	} {
		s, srv := takes(t, c.mode, c.o, "REQUIRETLS")
		m := to("a@example.net")
		m.RequireTLS = true
		if _, err := s.Send(t.Context(), m); (err == nil) != c.ok || !c.ok && said(srv, "MAIL") != 0 {
			t.Errorf("%v: %v", c.o, err)
		}
	}
	// TrustedSite with a certificate that no root knows: not verified.
	srv := memory(t, smtptest.Config{Mode: smtptest.Implicit, Keywords: []string{"REQUIRETLS"}})
	config := reach(srv, Extended|SecureImplicit|TrustedSite)
	config.Dialer, config.TLS = srv, nil
	m := to("a@example.net")
	m.RequireTLS = true
	if _, err := linked(t, config).Send(t.Context(), m); !errors.Is(err, smtp.ErrNotOffered) {
		t.Error(err)
	}
}

func TestSend_SIZEAndLIMITS(t *testing.T) {
	for keyword, ok := range map[string]bool{"SIZE": true, "SIZE 0": true, "SIZE 10": false, "SIZE 1000": true, "SIZE lots": true} {
		s, srv := takes(t, smtptest.Plain, Extended, keyword)
		r, err := s.Send(t.Context(), to("a@example.net"))
		if (err == nil) != ok || !ok && (!errors.Is(err, smtp.ErrTooLarge) || r.Outcome != smtp.NotSent || said(srv, "MAIL") != 0) {
			t.Errorf("%s: %v, %v", keyword, r, err)
		}
		if want := fmt.Sprintf("MAIL FROM:<from@example.org> SIZE=%d", len(letter)); ok && said(srv, want) != 1 {
			t.Errorf("%q", srv.Commands())
		}
	}
	s, srv := takes(t, smtptest.Plain, Extended, "LIMITS RCPTMAX=2 MAILMAX=2", "PIPELINING")
	r, err := s.Send(t.Context(), to("a@example.net", "b@example.net", "c@example.net"))
	e, _ := errors.AsType[*smtp.Error](r.Recipients[2].Err)
	if !errors.Is(err, smtp.ErrSomeRefused) || r.Recipients[2].Outcome != smtp.NotSent || e.Permanent || said(srv, "RCPT") != 2 {
		t.Errorf("%v, %v, %v", r, err, r.Recipients)
	}
	if _, err := s.Send(t.Context(), to("a@example.net")); err != nil {
		t.Error(err)
	}
	r, err = s.Send(t.Context(), to("a@example.net"))
	if !errors.Is(err, smtp.ErrSessionSpent) || r.Outcome != smtp.NotSent || !smtp.SafeToRetry(err) || said(srv, "MAIL") != 2 {
		t.Errorf("%v, %v", r, err)
	}
	if err := s.Noop(t.Context()); err != nil { // it is only spent for messages
		t.Error(err)
	}

	// A recipient that was refused here takes no place.
	s, _ = takes(t, smtptest.Plain, Extended, "LIMITS RCPTMAX=1")
	tx := begin(t, s)
	if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "grüße@example.net"}); !errors.Is(err, smtp.ErrNotOffered) {
		t.Error(err)
	}
	if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
		t.Error(err)
	}
	if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "b@example.net"}); !errors.Is(err, smtp.ErrNotOffered) {
		t.Error(err)
	}
	if r, err := tx.Commit(t.Context()); !errors.Is(err, smtp.ErrSomeRefused) || r.Recipients[1].Outcome != smtp.Accepted {
		t.Errorf("%v, %v", r, err)
	}
}

// 8-bit content, long lines and bare line ends: refused before MAIL where the
// content can be scanned, else before they leave, unless the message allows
// them.
func TestSend_WhatTheContentHolds(t *testing.T) {
	pad := strings.Repeat("x: y\r\n", 20_000) // more than the first block
	for name, c := range map[string]struct {
		text   string
		change func(*smtp.Message)
		is     error // nil: it arrives
		want   string
	}{
		"8-bit":           {"Grüße\r\n", nil, smtp.ErrNotOffered, ""},
		"8-bit allowed":   {"Grüße\r\n", func(m *smtp.Message) { m.Allow8Bit = true }, nil, "Grüße\r\n"},
		"a long line":     {strings.Repeat("x", 2000) + "\r\n", nil, nil, strings.Repeat("x", 2000) + "\r\n"},
		"a strict one":    {strings.Repeat("x", 2000) + "\r\n", func(m *smtp.Message) { m.StrictLines = true }, smtp.ErrInvalid, ""},
		"a bare LF":       {"a\nb\n", nil, nil, "a\r\nb\r\n"},
		"a bare CR":       {"a\rb\r", nil, nil, "a\r\nb\r\n"},
		"a refused LF":    {"a\nb\n", func(m *smtp.Message) { m.Newlines = smtp.RefuseBareNewlines }, smtp.ErrInvalid, ""},
		"no end of line":  {"a", nil, nil, "a\r\n"},
		"H6 smuggling LF": {"a\n.\nMAIL FROM:<x@y>\n", nil, nil, "a\r\n.\r\nMAIL FROM:<x@y>\r\n"},
		"H6 smuggling CR": {"a\r.\r", nil, nil, "a\r\n.\r\n"},
		"H6 mixed":        {"a\r\n.\rb\n.\r\n", nil, nil, "a\r\n.\r\nb\r\n.\r\n"},
	} {
		for offered, keywords := range map[string][]string{"DATA": {"PIPELINING"}, "BDAT": {"CHUNKING"}} {
			for _, first := range []string{"x: y\r\n\r\n", pad + "\r\n"} {
				for from, content := range contents(first + c.text) {
					t.Run(fmt.Sprint(name, "/", offered, "/", from, "/", len(first)), func(t *testing.T) {
						s, srv, evs := offering(t, Envelope, nil, keywords...)
						m := to("a@example.net")
						m.Content = content()
						if c.change != nil {
							c.change(m)
						}
						r, err := s.Send(t.Context(), m)
						streamed := from == "io.Reader" && len(first) > 1000
						if c.is == nil {
							if got := srv.Messages(); err != nil || len(got) != 1 || string(got[0].Content) != first+c.want {
								t.Errorf("%v, %v, %d messages", r, err, len(got))
							}
							leave(t, s, evs)
							return
						}
						if !errors.Is(err, c.is) || r.Outcome != smtp.NotSent || len(srv.Messages()) != 0 || !streamed && said(srv, "MAIL") != 0 {
							t.Errorf("%v, %v, %q", r, err, srv.Commands())
						}
						if streamed && offered == "DATA" {
							<-s.Done()
						} else {
							leave(t, s, evs)
						}
					})
				}
			}
		}
	}
}

// Canonical content goes as it is, and is counted as it is, however it comes.
func TestSend_CanonicalContentIsCounted(t *testing.T) {
	text := "Subject: x\r\n\r\n" + strings.Repeat(".line\r\n", 160_000)
	for offered, keywords := range keywordSets() {
		for from, content := range contents(text) {
			s, srv, evs := offering(t, Envelope, nil, keywords...)
			m := to("a@example.net")
			m.Content, m.Canonical, m.Size = content(), true, int64(len(text))
			r, err := s.Send(t.Context(), m)
			if err != nil || r.Octets != int64(len(text)) || string(srv.Messages()[0].Content) != text {
				t.Errorf("%s, %s: %d octets of %d, %v", offered, from, r.Octets, len(text), err)
			}
			var last int64
			for _, e := range leave(t, s, evs) {
				if e, ok := e.(events.OnProgress); ok {
					last = e.Octets
				}
			}
			if last != int64(len(text)) {
				t.Errorf("%s, %s: the last OnProgress says %d of %d", offered, from, last, len(text))
			}
		}
	}
}

// The recipient that needs SMTPUTF8 is left out where it is not offered; a
// message that needs it is not sent; a domain goes as A-labels.
func TestSend_SMTPUTF8(t *testing.T) {
	s, srv := takes(t, smtptest.Plain, Extended, "8BITMIME")
	r, err := s.Send(t.Context(), to("ann@bücher.example", "grüße@example.net"))
	if !errors.Is(err, smtp.ErrSomeRefused) || r.Recipients[0].Outcome != smtp.Accepted || r.Recipients[1].Outcome != smtp.NotSent ||
		!errors.Is(r.Recipients[1].Err, smtp.ErrNotOffered) || asError(r.Recipients[1].Err).Enhanced.String() != "5.6.7" || said(srv, "RCPT TO:<ann@xn--bcher-kva.example>") != 1 || said(srv, "RCPT") != 1 {
		t.Errorf("%v, %v, %q", r, err, srv.Commands())
	}
	m := to("ann@example.net")
	for _, more := range []int{0, 300_000} { // the beginning of a reader is looked into
		m.Content = io.MultiReader(strings.NewReader("Subject: Grüße\r\n\r\n" + strings.Repeat("line\r\n", more/6)))
		r, err := s.Send(t.Context(), m)
		if !errors.Is(err, smtp.ErrNotOffered) || r.Outcome != smtp.NotSent || said(srv, "MAIL") != 1 || asError(err).Enhanced.String() != "5.6.7" {
			t.Errorf("%v, %v", r, err)
		}
	}
	s, srv = takes(t, smtptest.Plain, Extended, "8BITMIME", "SMTPUTF8")
	m.Content = io.MultiReader(strings.NewReader("Subject: Grüße\r\n\r\n" + strings.Repeat("line\r\n", 50_000)))
	if r, err := s.Send(t.Context(), m); err != nil || said(srv, "MAIL FROM:<from@example.org> BODY=8BITMIME SMTPUTF8") != 1 {
		t.Errorf("%v, %v, %q", r, err, srv.Commands())
	}
}

// What the beginning of a reader shows is refused before MAIL; what comes after
// it, at the first octet.
func TestSend_WhatTheBeginningOfAReaderShows(t *testing.T) {
	high := "Subject: x\r\n\r\n" + strings.Repeat("line\r\n", 5) + "Grüße\r\n" + strings.Repeat("line\r\n", 50_000)
	late := "Subject: x\r\n\r\n" + strings.Repeat("line\r\n", 50_000) + "Grüße\r\n"
	for name, c := range map[string]struct {
		text     string
		keywords []string
		change   func(*smtp.Message)
		mails    int
		is       error
	}{
		"8-bit at once":    {high, []string{"CHUNKING"}, func(*smtp.Message) {}, 0, smtp.ErrNotOffered},
		"8-bit later":      {late, []string{"CHUNKING"}, func(*smtp.Message) {}, 1, smtp.ErrNotOffered},
		"7BIT at once":     {high, []string{"CHUNKING", "8BITMIME"}, func(m *smtp.Message) { m.Body = smtp.Body7Bit }, 0, smtp.ErrInvalid},
		"7BIT later":       {late, []string{"CHUNKING", "8BITMIME"}, func(m *smtp.Message) { m.Body = smtp.Body7Bit }, 1, smtp.ErrInvalid},
		"7BIT and allowed": {late, []string{"CHUNKING", "8BITMIME"}, func(m *smtp.Message) { m.Body, m.Allow8Bit = smtp.Body7Bit, true }, 1, nil},
		"a bare LF":        {"a: b\n" + late, []string{"CHUNKING", "8BITMIME"}, func(m *smtp.Message) { m.Newlines = smtp.RefuseBareNewlines }, 0, smtp.ErrInvalid},
		"a long line": {strings.Repeat("x", 2000) + late, []string{"CHUNKING", "8BITMIME"}, func(m *smtp.Message) { m.StrictLines = true }, 0,
			smtp.ErrInvalid},
		"CRLF across the border": {strings.Repeat("x", firstBlock%100-1) + "\r\n" + strings.Repeat(strings.Repeat("x", 98)+"\r\n", 2000), []string{"CHUNKING"},
			func(m *smtp.Message) { m.Newlines = smtp.RefuseBareNewlines }, 1, nil},
	} {
		s, srv := takes(t, smtptest.Plain, Extended, c.keywords...)
		m := to("a@example.net")
		m.Content = io.MultiReader(strings.NewReader(c.text))
		c.change(m)
		if r, err := s.Send(t.Context(), m); !errors.Is(err, c.is) || said(srv, "MAIL") != c.mails || (err == nil) != (r.Outcome == smtp.Accepted) {
			t.Errorf("%s: %v, %v, %q", name, r, err, srv.Commands())
		}
	}
}

// Without Extended the list of the EHLO before STARTTLS is not gone by.
func TestSend_LimitsAreAnExtension(t *testing.T) {
	s, srv := takes(t, smtptest.StartTLS, SecureExplicit, "LIMITS RCPTMAX=1 MAILMAX=1")
	for range 2 {
		_, _ = s.Send(t.Context(), to("a@example.net", "b@example.net"))
	}
	if n := said(srv, "RCPT"); n != 4 {
		t.Errorf("%d recipients were asked for: %q", n, srv.Commands())
	}
}
