package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// offering is a server with these keywords and steps, and a session with it.
func offering(t testing.TB, f Flight, on map[string]smtptest.Step, keywords ...string) (*Session, *smtptest.Server, func() []events.Event) {
	t.Helper()
	srv := memory(t, smtptest.Config{Keywords: keywords, On: on})
	config := reach(srv, Extended)
	config.Dialer, config.Flight = srv, f
	s := newSession(t, config)
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, srv, evs
}

func to(addresses ...string) *smtp.Message {
	return &smtp.Message{Mail: smtp.Mail{From: "from@example.org"}, Recipients: smtp.To(addresses...), Content: strings.NewReader(letter)}
}

// ended fails unless the session ends with an error of its own kind.
func ended(t *testing.T, s *Session, evs func() []events.Event, is error) {
	t.Helper()
	<-s.Done()
	if !errors.Is(s.Err(), is) {
		t.Errorf("Err: %v, want %v", s.Err(), is)
	}
	checkLife(t, evs())
}

func TestSend_H15_TheServersReasonAndNotEPIPE(t *testing.T) {
	for _, reply := range []string{"552 5.3.4 too much", "451 4.3.0 disk full", "421 4.3.2 bye"} {
		srv := loopback(t, smtptest.Config{Keywords: []string{"PIPELINING"}, On: map[string]smtptest.Step{
			"DATA": smtptest.Then(smtptest.SayRaw("354 go\r\n"), func(c *smtptest.Conn) {
				for range 5000 { // octets of it, and then enough
					if _, err := c.ReadLine(); err != nil {
						return
					}
				}
			}, smtptest.SayAndClose(reply))}})
		s := linked(t, reach(srv, Extended))
		m := to("a@example.net")
		m.Content = io.MultiReader(strings.NewReader(strings.Repeat("twenty octets a line\r\n", 1_000_000)))
		r, err := s.Send(t.Context(), m)
		if fmt.Sprint(smtp.Code(err)) != reply[:3] || r.Outcome != smtp.Rejected || r.Reply.Code != smtp.Code(err) {
			t.Errorf("%s: %v, %v", reply, r, err)
		}
		<-s.Done()
	}
}

func TestSend_H17_EachRecipientHasItsOwnAnswer(t *testing.T) {
	answers := []struct {
		reply     string
		outcome   smtp.Outcome
		permanent bool
	}{
		{"250 2.1.5 ok", smtp.Accepted, false}, {"251 2.1.5 will forward", smtp.Accepted, false}, {"252 2.1.5 cannot say", smtp.Accepted, false},
		{"550 5.1.1 nobody", smtp.Rejected, true}, {"452 4.5.3 too many", smtp.Rejected, false}, {"552 too many", smtp.Rejected, false},
		{"552 5.5.3 too many", smtp.Rejected, false}, {"552 5.2.2 full", smtp.Rejected, true}, {"552 5.3.4 too big", smtp.Rejected, true},
	}
	for offered, keywords := range keywordSets() {
		var steps []smtptest.Step
		var all []string
		for i := range 100 {
			a := answers[i%len(answers)]
			steps = append(steps, smtptest.Say(a.reply))
			all = append(all, fmt.Sprintf("r%d@example.net", i))
		}
		s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{"RCPT": smtptest.Sequence(steps...)}, keywords...)
		r, err := s.Send(t.Context(), to(all...))
		if !errors.Is(err, smtp.ErrSomeRefused) || r.Outcome != smtp.Accepted || smtp.SafeToRetry(err) {
			t.Errorf("%s: %v, %v", offered, r, err)
		}
		want := 0
		for i, got := range r.Recipients {
			a := answers[i%len(answers)]
			e, _ := errors.AsType[*smtp.Error](got.Err)
			if got.Outcome != a.outcome || got.Outcome == smtp.Rejected && (fmt.Sprint(got.Reply.Code) != a.reply[:3] || e.Permanent != a.permanent || e.Phase != "mail") {
				t.Errorf("%s: %+v, want %+v", a.reply, got, a)
			}
			if a.outcome == smtp.Accepted {
				want++
			}
		}
		if m := srv.Messages(); len(m) != 1 || len(m[0].To) != want {
			t.Errorf("%s: %d messages", offered, len(m))
		}
		if count(leave(t, s, evs), events.KindRecipient) != 100 {
			t.Error("not an OnRecipient each")
		}
	}
	for _, c := range []struct {
		policy  smtp.Policy
		replies []string
		outcome smtp.Outcome
		kept    int
	}{
		{smtp.AllOrNothing, []string{"250 ok", "550 5.1.1 no"}, smtp.NotSent, 0},
		{smtp.AllOrNothing, []string{"250 ok", "250 ok"}, smtp.Accepted, 1},
		{smtp.AllOrNothing, []string{"550 5.1.1 no", "450 4.2.1 no"}, smtp.Rejected, 0},
		{smtp.DeliverToAccepted, []string{"550 5.1.1 no", "450 4.2.1 no"}, smtp.Rejected, 0},
	} {
		for offered, keywords := range keywordSets() {
			for _, flight := range []Flight{Envelope, Full, Single} {
				s, srv, evs := offering(t, flight, map[string]smtptest.Step{"RCPT": smtptest.Sequence(smtptest.Say(c.replies[0]), smtptest.Say(c.replies[1]), smtptest.Usual())}, keywords...)
				m := to("a@example.net", "b@example.net")
				m.Policy = c.policy
				r, err := s.Send(t.Context(), m)
				if r.Outcome != c.outcome || len(srv.Messages()) != c.kept || (err == nil) != (c.kept == 1) {
					t.Errorf("%v, %v, %s: %v, %v, %d kept", c, flight, offered, r, err, len(srv.Messages()))
				}
				if _, err := s.Send(t.Context(), to("c@example.net")); err != nil { // H28
					t.Errorf("%v, %v, %s: the next one: %v", c, flight, offered, err)
				}
				if m := srv.Messages(); !slices.Equal(m[len(m)-1].To, []string{"c@example.net"}) {
					t.Errorf("%v, %v, %s: the next one went to %q", c, flight, offered, m[len(m)-1].To)
				}
				leave(t, s, evs)
			}
		}
	}
}

func TestSend_H18_ADotThatStandsAlone(t *testing.T) {
	for reply, dead := range map[string]bool{"250 2.0.0 fine": false, "554 5.5.1 no": false, "451 4.3.0 no": false, "421 4.3.2 bye": true, "354 more": true} {
		s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{"RCPT": smtptest.Say("550 5.1.1 no"), "DATA": func(c *smtptest.Conn) {
			_ = c.Write("354 go on\r\n")
			line, _ := c.ReadLine()
			if line != "." {
				t.Errorf("content: %q", line)
			}
			_ = c.Write(reply + "\r\n")
		}}, "PIPELINING")
		r, err := s.Send(t.Context(), to("a@example.net"))
		if r.Outcome != smtp.Rejected || err == nil || r.Recipients[0].Reply.Code != 550 {
			t.Errorf("%s: %v, %v", reply, r, err)
		}
		if dead {
			<-s.Done()
			checkLife(t, evs())
		} else {
			leave(t, s, evs)
			if said(srv, "RSET") != 0 {
				t.Errorf("%q", srv.Commands())
			}
		}
	}
}

func TestSend_H26_AFullFlightThatTheServerDoesNotKnow(t *testing.T) {
	for _, reply := range []string{"500 5.5.1 what?", "502 5.5.1 what?"} {
		for _, rcpt := range []string{"250 ok", "550 5.1.1 no"} {
			s, srv, evs := offering(t, Full, map[string]smtptest.Step{"BDAT": smtptest.Say(reply), "RCPT": smtptest.Say(rcpt)}, "PIPELINING", "CHUNKING")
			r, err := s.Send(t.Context(), to("a@example.net"))
			if r.Outcome != smtp.Rejected || err == nil || len(srv.Messages()) != 0 {
				t.Errorf("%s: %v, %v", reply, r, err)
			}
			ended(t, s, evs, smtp.ErrProtocol)
		}
	}
	// By default not an octet of content leaves without an accepted recipient.
	s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{"BDAT": smtptest.Say("502 5.5.1 what?"), "RCPT": smtptest.Say("550 5.1.1 no")}, "PIPELINING", "CHUNKING")
	if r, _ := s.Send(t.Context(), to("a@example.net")); r.Outcome != smtp.Rejected || said(srv, "BDAT") != 0 {
		t.Errorf("%v, %q", r, srv.Commands())
	}
	leave(t, s, evs)
}

// broken is a reader that gives so many octets and then does something else.
type broken struct {
	left int
	then func() (int, error)
}

func (b *broken) Read(p []byte) (int, error) {
	if b.left == 0 {
		return b.then()
	}
	n := min(len(p), b.left)
	for i := range n {
		p[i] = "line\r\n"[(b.left-i)%6]
	}
	b.left -= n
	return n, nil
}

func TestSend_H27_ContentThatCannotBeRead(t *testing.T) {
	lost := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		then func() (int, error)
		size int64
		is   error
	}{
		"fails":       {func() (int, error) { return 0, lost }, 0, lost},
		"ends early":  {func() (int, error) { return 0, io.EOF }, 2_000_000, smtp.ErrInvalid},
		"runs past":   {func() (int, error) { return 0, io.EOF }, 700_000, smtp.ErrInvalid},
		"panics":      {func() (int, error) { panic("boom") }, 0, smtp.ErrContent},
		"never moves": {func() (int, error) { return 0, nil }, 0, io.ErrNoProgress},
		"is cut off":  {func() (int, error) { return 0, io.ErrUnexpectedEOF }, 0, io.ErrUnexpectedEOF},
		"wraps EOF":   {func() (int, error) { return 0, fmt.Errorf("disk: %w", io.EOF) }, 0, smtp.ErrContent},
		"lies upward": {func() (int, error) { return 1 << 30, nil }, 0, smtp.ErrContent},
		"lies below":  {func() (int, error) { return -1, nil }, 0, smtp.ErrContent},
	} {
		for offered, keywords := range keywordSets() {
			for _, octets := range []int{10, 1_000_000} {
				t.Run(fmt.Sprint(name, "/", offered, "/", octets), func(t *testing.T) {
					s, srv, evs := offering(t, Envelope, nil, keywords...)
					m := to("a@example.net")
					m.Content, m.Size = &broken{octets, c.then}, c.size
					var r *smtp.Receipt
					var err error
					panicked := func() (v any) {
						defer func() { v = recover() }()
						r, err = s.Send(t.Context(), m)
						return nil
					}()
					small := octets == 10
					switch {
					case name == "panics" && panicked != "boom":
						t.Errorf("the caller has not his panic: %v", panicked)
					case name != "panics" && (r.Outcome != smtp.NotSent || !errors.Is(err, c.is)):
						t.Errorf("%v, %v", r, err)
					}
					// Within DATA only the end of the connection ends it; between chunks RSET does.
					chunked := slices.Contains(keywords, "CHUNKING")
					if !small && !chunked {
						<-s.Done()
						checkLife(t, evs())
					} else {
						if _, err := s.Send(t.Context(), to("b@example.net")); err != nil {
							t.Errorf("the next one: %v", err)
						}
						leave(t, s, evs)
					}
					if m := srv.Messages(); len(m) > 1 || len(m) == 1 && m[0].To[0] != "b@example.net" {
						t.Errorf("%d messages", len(m))
					}
				})
			}
		}
	}
}

// A reader that gives up because the context ended is a cancel.
func TestSend_AReaderThatEndsWithTheContext(t *testing.T) {
	for _, octets := range []int{0, 1_000_000} {
		s, _, _ := offering(t, Envelope, nil, "CHUNKING")
		ctx, cancel := context.WithCancel(t.Context())
		m := to("a@example.net")
		m.Content = &broken{octets, func() (int, error) { cancel(); return 0, errors.New("given up") }}
		if r, err := s.Send(ctx, m); r.Outcome != smtp.NotSent || !errors.Is(err, smtp.ErrCanceled) || !errors.Is(err, context.Canceled) {
			t.Errorf("%v, %v", r, err)
		}
	}
}

// A file that is not as long as it was ends in no message.
func TestSend_H27_AFileThatChanges(t *testing.T) {
	for offered, keywords := range keywordSets() {
		file := onDisk(t, strings.Repeat("line\r\n", 200_000))
		s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{"RCPT": func(c *smtptest.Conn) {
			_ = os.Truncate(file.Name(), 500_000)
			smtptest.Usual()(c)
		}}, keywords...)
		m := to("a@example.net")
		m.Content = file
		r, err := s.Send(t.Context(), m)
		if r.Outcome != smtp.NotSent || !errors.Is(err, smtp.ErrContent) || len(srv.Messages()) != 0 {
			t.Errorf("%s: %v, %v", offered, r, err)
		}
		<-s.Done()
		checkLife(t, evs())
	}
}

// A file that changes so that the octets announced are all out before its end is not
// sent without that end.
func TestSend_H27_AFileThatGrowsOnItsWay(t *testing.T) {
	tail := strings.Repeat("tail-of-the-message 32 octets.\r\n", 32)
	before := strings.Repeat(strings.Repeat("x", 62)+"\r\n", 1024) + tail
	after := strings.Repeat(strings.Repeat("y", 63)+"\n", 1024) + tail // 64 KiB, which become as many octets as the whole had
	file := onDisk(t, before)
	s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{"RCPT": func(c *smtptest.Conn) {
		if err := os.WriteFile(file.Name(), []byte(after), 0o600); err != nil {
			t.Error(err)
		}
		c.Usual()
	}}, "CHUNKING")
	m := to("a@example.net")
	m.Content = file
	r, err := s.Send(t.Context(), m)
	if r.Outcome != smtp.NotSent || !errors.Is(err, smtp.ErrContent) || len(srv.Messages()) != 0 {
		t.Errorf("%v, %v; kept %d", r, err, len(srv.Messages()))
	}
	if r, err := s.Send(t.Context(), to("b@example.net")); err != nil { // nothing of the chunk had left
		t.Errorf("%v, %v", r, err)
	}
	_ = s.Close()
	checkLife(t, evs())
}

// A server that keeps a refused message's transaction open is told RSET, and loses no
// message for good: also where DATA ends for nobody.
func TestSend_H28_ARefusedContentThatLeavesItsTransactionOpen(t *testing.T) {
	sets := keywordSets()
	sets["nobody"] = []string{"PIPELINING"}
	for offered, keywords := range sets {
		bubble(t, offered, func(t *testing.T) {
			open := false
			refuse := func(c *smtptest.Conn) { open = true; _ = c.Write("451 4.3.0 later\r\n") }
			rcpt, data, content := smtptest.Usual(), smtptest.Usual(), smtptest.Sequence(refuse, smtptest.Usual())
			if offered == "nobody" {
				rcpt, content = smtptest.Sequence(smtptest.Say("450 4.2.1 later"), smtptest.Say("503 5.5.1 no"), smtptest.Usual()), smtptest.Usual()
				data = smtptest.Sequence(smtptest.Then(smtptest.SayRaw("354 go\r\n"), func(c *smtptest.Conn) {
					for line := ""; line != "."; {
						line, _ = c.ReadLine()
					}
					refuse(c)
				}), smtptest.Usual())
			}
			s, srv, _ := offering(t, Envelope, map[string]smtptest.Step{
				"RCPT": rcpt,
				"DATA": data,
				"MAIL": func(c *smtptest.Conn) {
					if open {
						_ = c.Write("503 5.5.1 nested\r\n")
						return
					}
					c.Usual()
				},
				"CONTENT": content,
				"RSET":    func(c *smtptest.Conn) { open = false; c.Usual() },
			}, keywords...)
			for n, want := range []smtp.Outcome{smtp.Rejected, smtp.Rejected, smtp.Accepted} {
				r, err := s.Send(t.Context(), to("a@example.net"))
				if r.Outcome != want || n < 2 && !smtp.SafeToRetry(err) {
					t.Errorf("%d: %v, %v, want %v", n, r, err, want)
				}
			}
			if len(srv.Messages()) != 1 {
				t.Error(len(srv.Messages()))
			}
			_ = s.Close()
			<-s.Done()
		})
	}
}

func TestSend_H28_ATransactionLeftOpenIsEndedFirst(t *testing.T) {
	for n, reply := range []string{"550 5.5.1 no", "451 4.3.0 no", "421 4.3.2 bye", "550 5.5.1 no", "550 5.5.1 no"} {
		flight := []Flight{Envelope, Envelope, Envelope, Full, Single}[n]
		for offered, keywords := range keywordSets() {
			s, srv, evs := offering(t, flight, map[string]smtptest.Step{"RSET": smtptest.Say(reply), "RCPT": smtptest.Sequence(smtptest.Say("550 5.1.1 no"), smtptest.Usual())}, keywords...)
			if _, err := s.Send(t.Context(), to("a@example.net")); smtp.Code(err) != 550 {
				t.Error(err)
			}
			r, err := s.Send(t.Context(), to("b@example.net"))
			if r.Outcome == smtp.Accepted || r.Outcome == smtp.Unknown || err == nil || len(srv.Messages()) != 0 {
				t.Errorf("%s, %v, %s: %v, %v", reply, flight, offered, r, err)
			}
			<-s.Done()
			checkLife(t, evs())
		}
	}
}

// A server that keeps the transaction of a failed chunk open gets no content
// behind the RSET that it refuses: it would give it to the recipients before.
func TestSend_H28_NoContentBehindARefusedRSET(t *testing.T) {
	for _, flight := range []Flight{Envelope, Full, Single} {
		s, srv, _ := offering(t, flight, map[string]smtptest.Step{
			"RSET": smtptest.Say("500 5.5.1 what?"), "MAIL": smtptest.Sequence(smtptest.Usual(), smtptest.Say("503 5.5.1 nested")),
		}, "PIPELINING", "CHUNKING")
		m := to("old@example.net")
		m.Content = &broken{600_000, func() (int, error) { return 0, errors.New("gone") }}
		if r, err := s.Send(t.Context(), m); r.Outcome != smtp.NotSent || !errors.Is(err, smtp.ErrContent) {
			t.Errorf("%v: %v, %v", flight, r, err)
		}
		if r, err := s.Send(t.Context(), to("new@example.net")); r.Outcome != smtp.NotSent || !errors.Is(err, smtp.ErrProtocol) || len(srv.Messages()) != 0 {
			t.Errorf("%v: %v, %v, %v", flight, r, err, srv.Messages())
		}
		<-s.Done()
	}
}

// A server that refuses MAIL and goes on as if it had not is not believed.
func TestSend_AServerOutOfStep(t *testing.T) {
	for _, on := range []map[string]smtptest.Step{
		{"MAIL": smtptest.Say("550 no"), "RCPT": smtptest.Say("250 ok")},
		{"MAIL": smtptest.Say("550 no"), "RCPT": smtptest.Say("550 no"), "DATA": smtptest.SayRaw("354 go\r\n")},
		{"MAIL": smtptest.Say("550 no"), "RCPT": smtptest.Say("550 no"), "DATA": smtptest.SayRaw("250 go\r\n")},
	} {
		s, _, evs := offering(t, Envelope, on, "PIPELINING")
		r, err := s.Send(t.Context(), to("a@example.net"))
		if r.Outcome != smtp.Rejected || err == nil {
			t.Errorf("%v, %v", r, err)
		}
		ended(t, s, evs, smtp.ErrProtocol)
	}
}

// Cancelled before the end marker has left: not sent. After it: unknown.
func TestSend_H16_CancelledInTheMiddleAndAfterTheEnd(t *testing.T) {
	for offered, keywords := range keywordSets() {
		bubble(t, offered+"/in the middle", func(t *testing.T) {
			s, srv, evs := offering(t, Envelope, nil, keywords...)
			ctx, cancel := context.WithCancelCause(t.Context())
			m := to("a@example.net")
			m.Content = &broken{600_000, func() (int, error) { cancel(errMine); <-s.Done(); return 0, io.EOF }}
			r, err := s.Send(ctx, m)
			if r.Outcome != smtp.NotSent || !errors.Is(err, errMine) || len(srv.Messages()) != 0 {
				t.Errorf("%v, %v", r, err)
			}
			<-s.Done()
			checkLife(t, evs())
		})
		bubble(t, offered+"/after the end", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			s, _, evs := offering(t, Envelope, map[string]smtptest.Step{"CONTENT": func(c *smtptest.Conn) { cancel(errMine); smtptest.Silence()(c) }}, keywords...)
			r, err := s.Send(ctx, to("a@example.net"))
			if r.Outcome != smtp.Unknown || !errors.Is(err, errMine) || smtp.SafeToRetry(err) {
				t.Errorf("%v, %v", r, err)
			}
			<-s.Done()
			checkLife(t, evs())
		})
	}
}

// Each answer of a message has its own time.
func TestSend_EveryAnswerHasItsOwnTime(t *testing.T) {
	limits := smtp.Timeouts{Mail: 1 * time.Minute, Rcpt: 2 * time.Minute, Data: 3 * time.Minute, Chunk: 4 * time.Minute, End: 5 * time.Minute, Command: 6 * time.Minute}
	mute := smtptest.Silence()
	none := smtptest.Say("550 5.1.1 no")
	for name, c := range map[string]struct {
		on       map[string]smtptest.Step
		keywords []string
		want     time.Duration
		outcome  smtp.Outcome
	}{
		"MAIL":             {map[string]smtptest.Step{"MAIL": mute}, []string{"8BITMIME"}, limits.Mail, smtp.NotSent},
		"RCPT":             {map[string]smtptest.Step{"RCPT": mute}, []string{"8BITMIME"}, limits.Rcpt, smtp.NotSent},
		"DATA":             {map[string]smtptest.Step{"DATA": mute}, []string{"8BITMIME"}, limits.Data, smtp.NotSent},
		"the dot":          {map[string]smtptest.Step{"CONTENT": mute}, []string{"8BITMIME"}, limits.End, smtp.Unknown},
		"BDAT":             {map[string]smtptest.Step{"BDAT": mute}, []string{"CHUNKING"}, limits.Chunk, smtp.NotSent},
		"BDAT LAST":        {map[string]smtptest.Step{"CONTENT": mute}, []string{"CHUNKING"}, limits.End, smtp.Unknown},
		"RSET":             {map[string]smtptest.Step{"RCPT": none, "RSET": mute}, []string{"8BITMIME"}, limits.Command, smtp.NotSent},
		"a dot for nobody": {map[string]smtptest.Step{"RCPT": none, "DATA": smtptest.Then(smtptest.SayRaw("354 go\r\n"), mute)}, []string{"PIPELINING"}, limits.End, smtp.Rejected},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := memory(t, smtptest.Config{Keywords: c.keywords, On: c.on})
			config := reach(srv, Extended)
			config.Dialer, config.Timeouts = srv, limits
			s := linked(t, config)
			if name == "RSET" { // is owed for the message before
				_, _ = s.Send(t.Context(), to("a@example.net"))
			}
			m := to("a@example.net")
			if name == "BDAT" { // of several
				m.Content = io.MultiReader(bytes.NewReader(manyLines))
			}
			begun := time.Now()
			r, err := s.Send(t.Context(), m)
			if took := time.Since(begun); took != c.want || r.Outcome != c.outcome || c.outcome != smtp.Rejected && (!errors.Is(err, smtp.ErrTimeout) || !errors.Is(r.Cause, smtp.ErrTimeout)) {
				t.Errorf("after %v: %v, %v; want %v", took, r, err, c.want)
			}
		})
	}
}

// What may travel in one flight with its envelope does: up to 64 KiB, for one
// recipient or where one refusal is no more than that.
func TestSend_WhatGoesInAFullFlight(t *testing.T) {
	for name, c := range map[string]struct {
		octets, recipients int
		policy             smtp.Policy
		keywords           string
		flights            int
	}{
		"64 KiB":               {firstBlock, 1, smtp.DeliverToAccepted, "both", 1},
		"one octet more":       {firstBlock + 1, 1, smtp.DeliverToAccepted, "both", 2},
		"two recipients":       {100, 2, smtp.DeliverToAccepted, "both", 1},
		"all of one":           {100, 1, smtp.AllOrNothing, "both", 1},
		"all of two":           {100, 2, smtp.AllOrNothing, "both", 2},
		"all of one, by DATA":  {100, 1, smtp.AllOrNothing, "PIPELINING", 2},
		"all of two, by DATA":  {100, 2, smtp.AllOrNothing, "PIPELINING", 3},
		"some of two, by DATA": {100, 2, smtp.DeliverToAccepted, "PIPELINING", 2},
	} {
		s, srv, evs := offering(t, Full, nil, keywordSets()[c.keywords]...)
		m := to([]string{"a@example.net", "b@example.net"}[:c.recipients]...)
		text := strings.Repeat("x", c.octets-2) + "\r\n"
		m.Policy, m.Content = c.policy, strings.NewReader(text)
		r, err := s.Send(t.Context(), m)
		if err != nil || r.Flights != c.flights || string(srv.Messages()[0].Content) != text {
			t.Errorf("%s: %v, %v: %d flights, want %d", name, r, err, r.Flights, c.flights)
		}
		leave(t, s, evs)
	}
}

// A recipient that is refused here is refused before anything is sent: for all if
// it is all or nothing, and it takes no place from another.
func TestSend_ARecipientRefusedHere(t *testing.T) {
	for _, c := range []struct {
		policy smtp.Policy
		want   string
		mails  int
	}{{smtp.AllOrNothing, "nn", 0}, {smtp.DeliverToAccepted, "na", 1}} {
		s, srv := takes(t, smtptest.Plain, Extended, "LIMITS RCPTMAX=1")
		m := to("grüße@example.net", "a@example.net")
		m.Policy = c.policy
		r, err := s.Send(t.Context(), m)
		if outcomes(r) != c.want || said(srv, "MAIL") != c.mails || !errors.Is(err, smtp.ErrSomeRefused) || !errors.Is(r.Recipients[0].Err, smtp.ErrNotOffered) || asError(r.Recipients[0].Err).Phase != "mail" {
			t.Errorf("%v: %v, %v, %q", c.policy, r, err, srv.Commands())
		}
	}
}

// The 354 to DATA is no failure of it, a refusal is one.
func TestSend_TheEndOfDATATellsItsFate(t *testing.T) {
	for reply, fails := range map[string]bool{"354 go": false, "550 5.5.1 no": true} {
		srv := memory(t, smtptest.Config{Keywords: []string{"8BITMIME"}, On: map[string]smtptest.Step{"DATA": smtptest.SayRaw(reply + "\r\n")}})
		c := reach(srv, Extended)
		h := &commandHook{start: func(context.Context, events.CommandStart) {}}
		c.Dialer, c.Hooks = srv, []events.Hook{h}
		s := linked(t, c)
		_, _ = s.Send(t.Context(), to("a@example.net"))
		_ = s.Close()
		<-s.Done()
		told := 0
		for _, e := range h.ends {
			if e.Verb != "DATA" {
				continue
			}
			told++
			if fmt.Sprint(e.Reply.Code) != reply[:3] || (e.Err != nil) != fails {
				t.Errorf("%s: %v, %v", reply, e.Reply, e.Err)
			}
		}
		if told != 1 {
			t.Errorf("%s: %d ends of DATA", reply, told)
		}
	}
}

// RSET is said where a transaction was left open, and not once more.
func TestSend_H28_OneRSETAndNoOther(t *testing.T) {
	no := smtptest.Say("550 5.1.1 no")
	for name, c := range map[string]struct {
		on     map[string]smtptest.Step
		resets int // of the caller's own
		want   int
	}{
		"MAIL is refused behind it": {map[string]smtptest.Step{"RCPT": smtptest.Sequence(no, smtptest.Usual()), "MAIL": smtptest.Sequence(smtptest.Usual(), no, smtptest.Usual())}, 0, 1},
		"the caller's":              {map[string]smtptest.Step{"RCPT": smtptest.Sequence(no, smtptest.Usual())}, 1, 1},
		"the caller's is refused":   {map[string]smtptest.Step{"RCPT": smtptest.Sequence(no, smtptest.Usual()), "RSET": smtptest.Sequence(no, smtptest.Usual())}, 1, 2},
		"MAIL was refused":          {map[string]smtptest.Step{"MAIL": smtptest.Sequence(no, no, smtptest.Usual())}, 0, 0},
	} {
		for offered, keywords := range keywordSets() {
			s, srv, evs := offering(t, Envelope, c.on, keywords...)
			_, _ = s.Send(t.Context(), to("old@example.net"))
			for range c.resets {
				_ = s.Reset(t.Context())
			}
			_, _ = s.Send(t.Context(), to("new@example.net"))
			if _, err := s.Send(t.Context(), to("new@example.net")); err != nil {
				t.Errorf("%s, %s: %v", name, offered, err)
			}
			leave(t, s, evs)
			if got := said(srv, "RSET"); got != c.want {
				t.Errorf("%s, %s: %d RSET, want %d: %q", name, offered, got, c.want, srv.Commands())
			}
			for _, m := range srv.Messages() {
				if !slices.Equal(m.To, []string{"new@example.net"}) {
					t.Errorf("%s, %s: one went to %q", name, offered, m.To)
				}
			}
		}
	}
}

// A message that was refused as a whole says so of each recipient that was not
// refused itself, with the reply.
func TestSend_ARefusalOfTheWholeIsThatOfEach(t *testing.T) {
	for moment, codes := range map[string][]int{"MAIL": {551, 551}, "DATA": {550, 551}, "CONTENT": {550, 551}} {
		for offered, keywords := range keywordSets() {
			on := map[string]smtptest.Step{"RCPT": smtptest.Sequence(smtptest.Say("550 5.1.1 nobody"), smtptest.Usual())}
			on[moment] = smtptest.Say("551 5.7.1 not you")
			s, srv, evs := offering(t, Envelope, on, keywords...)
			r, err := s.Send(t.Context(), to("a@example.net", "b@example.net"))
			leave(t, s, evs)
			if moment == "DATA" && said(srv, "DATA") == 0 {
				continue // the content went by BDAT
			}
			if r.Outcome != smtp.Rejected || r.Reply.Code != 551 || smtp.Code(err) != 551 || smtp.Code(r.Cause) != 551 {
				t.Errorf("%s, %s: %v, %v", moment, offered, r, err)
			}
			for i, to := range r.Recipients {
				if to.Outcome != smtp.Rejected || to.Reply.Code != codes[i] || smtp.Code(to.Err) != codes[i] {
					t.Errorf("%s, %s: %v, %v", moment, offered, to, to.Err)
				}
			}
		}
	}
}

// A receipt is written once: OnMessage has it before Send returns.
func TestSend_AReceiptIsWrittenOnce(t *testing.T) {
	srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": smtptest.Close()}})
	c := reach(srv, Extended)
	var told smtp.Receipt
	c.Dialer, c.Hooks = srv, []events.Hook{onEvent(events.KindMessage, func(e events.Event) { told = *e.(events.OnMessage).Receipt })}
	r, err := linked(t, c).Send(t.Context(), to("a@example.net"))
	if r.Outcome != smtp.Unknown || err == nil || told.Ended != r.Ended || told.Cause != r.Cause {
		t.Errorf("%v, %v: it ended at %v, and then at %v", r, err, told.Ended, r.Ended)
	}
}

// Long lines pass and are counted, however the content goes.
func TestSend_LongLinesAreCounted(t *testing.T) {
	text := "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 998)+"\r\n"+strings.Repeat("x", 999)+"\r\n", 100)
	for newline, text := range map[string]string{"CRLF": text, "LF": strings.ReplaceAll(text, "\r\n", "\n")} {
		for offered, keywords := range keywordSets() {
			for from, content := range contents(text) {
				s, _, evs := offering(t, Envelope, nil, keywords...)
				m := to("a@example.net")
				m.Content = content()
				if r, err := s.Send(t.Context(), m); err != nil || r.LongLines != 100 {
					t.Errorf("%s, %s, %s: %d long lines, %v", newline, offered, from, r.LongLines, err)
				}
				leave(t, s, evs)
			}
		}
	}
}

// What is for all or for nobody may be sent again where the refusal may pass.
func TestSend_AllOrNothingKeepsWhetherTheRefusalStays(t *testing.T) {
	for reply, safe := range map[string]bool{"550 5.1.1 nobody": false, "450 4.2.1 later": true, "552 too many": true} {
		s, _, evs := offering(t, Envelope, map[string]smtptest.Step{"RCPT": smtptest.Sequence(smtptest.Usual(), smtptest.Say(reply))})
		m := to("a@example.net", "b@example.net")
		m.Policy = smtp.AllOrNothing
		if r, err := s.Send(t.Context(), m); outcomes(r) != "nr" || !errors.Is(err, smtp.ErrSomeRefused) || smtp.SafeToRetry(err) != safe {
			t.Errorf("%s: %v, %v", reply, r, err)
		}
		leave(t, s, evs)
	}
}

// LIMITS counts what the server was asked for, also what it refused.
func TestSend_MAILMAXCountsARefusedMAIL(t *testing.T) {
	s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{"MAIL": smtptest.Say("450 4.3.0 later")}, "LIMITS MAILMAX=1")
	if _, err := s.Send(t.Context(), to("a@example.net")); smtp.Code(err) != 450 {
		t.Error(err)
	}
	if r, err := s.Send(t.Context(), to("a@example.net")); r.Outcome != smtp.NotSent || !errors.Is(err, smtp.ErrSessionSpent) || said(srv, "MAIL") != 1 {
		t.Errorf("%v, %v, %q", r, err, srv.Commands())
	}
	leave(t, s, evs)
}

// The end of a content that nobody is to get ends the transaction: no RSET.
func TestSend_H18_TheEndForNobodyLeavesNothingOpen(t *testing.T) {
	say := smtptest.SayRaw
	for name, c := range map[string]struct {
		flight   Flight
		on       map[string]smtptest.Step
		keywords []string
		want     int
	}{
		"a dot": {Envelope, map[string]smtptest.Step{"DATA": func(c *smtptest.Conn) {
			c.Write("354 go\r\n")
			_, _ = c.ReadLine()
			c.Write("554 5.5.1 nobody\r\n")
		}}, []string{"PIPELINING"}, 0},
		"BDAT LAST is taken":   {Full, map[string]smtptest.Step{"CONTENT": say("250 ok\r\n"), "BDAT": say("250 ok\r\n")}, []string{"PIPELINING", "CHUNKING"}, 0},
		"BDAT LAST is refused": {Full, map[string]smtptest.Step{"CONTENT": say("554 no\r\n"), "BDAT": say("554 no\r\n")}, []string{"PIPELINING", "CHUNKING"}, 1},
	} {
		c.on["MAIL"], c.on["RCPT"] = say("250 ok\r\n"), say("550 5.1.1 nobody\r\n")
		s, srv, evs := offering(t, c.flight, c.on, c.keywords...)
		for range 2 {
			if r, err := s.Send(t.Context(), to("a@example.net")); r.Outcome != smtp.Rejected || smtp.Code(err) != 550 {
				t.Errorf("%s: %v, %v", name, r, err)
			}
		}
		leave(t, s, evs)
		if said(srv, "RSET") != c.want {
			t.Errorf("%s: %q", name, srv.Commands())
		}
	}
}

// A 421 is the server's refusal of the message, wherever it comes.
func TestSend_A421RefusesTheMessage(t *testing.T) {
	for moment, keyword := range map[string]string{"MAIL": "PIPELINING", "RCPT": "PIPELINING", "DATA": "8BITMIME", "BDAT": "CHUNKING"} {
		s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{moment: smtptest.SayAndClose("421 4.3.2 bye")}, keyword)
		m := to("a@example.net")
		m.Content = io.MultiReader(bytes.NewReader(manyLines))
		if r, err := s.Send(t.Context(), m); outcomes(r) != "r" || r.Outcome != smtp.Rejected || r.Reply.Code != 421 || r.Recipients[0].Reply.Code != 421 || !smtp.SafeToRetry(err) {
			t.Errorf("%s: %v, %v, %v", moment, r, r.Recipients, err)
		}
		<-s.Done()
		checkLife(t, evs())
		if len(srv.Messages()) != 0 {
			t.Errorf("%s: %v", moment, srv.Messages())
		}
	}
}
