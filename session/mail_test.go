package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
		name := filepath.Join(t.TempDir(), "message")
		if err := os.WriteFile(name, bytes.Repeat([]byte("line\r\n"), 200_000), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{"RCPT": func(c *smtptest.Conn) {
			_ = os.Truncate(name, 500_000)
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
		_ = file.Close()
	}
}

// A file that changes so that the octets announced are all out before its end is not
// sent without that end.
func TestSend_H27_AFileThatGrowsOnItsWay(t *testing.T) {
	tail := strings.Repeat("tail-of-the-message 32 octets.\r\n", 32)
	before := strings.Repeat(strings.Repeat("x", 62)+"\r\n", 1024) + tail
	after := strings.Repeat(strings.Repeat("y", 63)+"\n", 1024) + tail // 64 KiB, which become as many octets as the whole had
	name := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{"RCPT": func(c *smtptest.Conn) {
		if err := os.WriteFile(name, []byte(after), 0o600); err != nil {
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
	_ = s.Close()
	checkLife(t, evs())
}

// The same file, unchanged, where a block ends between a CR and its LF.
func TestSend_H27_AFileWhoseLastLFIsABlockOfItsOwn(t *testing.T) {
	name := filepath.Join(t.TempDir(), "message")
	whole := "xx" + strings.Repeat("x\r\n", firstBlock/3)
	if len(whole) != firstBlock+1 {
		t.Fatal(len(whole))
	}
	if err := os.WriteFile(name, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s, srv, _ := offering(t, Envelope, nil, "CHUNKING")
	m := to("a@example.net")
	m.Content = file
	r, err := s.Send(t.Context(), m)
	if err != nil || len(srv.Messages()) != 1 || string(srv.Messages()[0].Content) != whole {
		t.Errorf("%v, %v", r, err)
	}
	_ = s.Close()
	<-s.Done()
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
