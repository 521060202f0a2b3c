package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// manyLines are more than a Transaction buffers.
var manyLines = bytes.Repeat([]byte("twenty octets a line\r\n"), 40_000)

// inEvent is a hook that calls f, with the context it is given, for events of a
// kind.
type inEvent struct {
	kind events.Kind
	f    func(context.Context)
}

func (h inEvent) Kinds() events.Mask                        { return events.MaskOf(h.kind) }
func (h inEvent) Event(ctx context.Context, _ events.Event) { h.f(ctx) }

// stepping is a session whose server may do otherwise at a moment.
func stepping(t testing.TB, moment string, step smtptest.Step) *Session {
	t.Helper()
	srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{moment: step}})
	c := reach(srv, Extended)
	c.Dialer = srv
	return linked(t, c)
}

// A Commit inside a hook is refused, also while a Write runs.
func TestTransaction_CommitInAHookWhileAWriteRuns(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	c := reach(srv, Extended)
	var tx *Transaction
	refused := make(chan error, 1)
	var once sync.Once
	c.Hooks = []events.Hook{inEvent{events.KindProgress, func(ctx context.Context) {
		once.Do(func() {
			_, err := tx.Commit(ctx)
			refused <- err
		})
	}}}
	tx = begin(t, linked(t, c))
	if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Write(manyLines); err != nil {
		t.Error(err)
	}
	if err := <-refused; !errors.Is(err, smtp.ErrInHook) {
		t.Error(err)
	}
	if r, err := tx.Commit(t.Context()); err != nil || r.Outcome != smtp.Accepted {
		t.Errorf("%v, %v", r, err)
	}
}

// The end of Begin's context cuts nothing once Commit is answered.
func TestTransaction_BeginsContextEndsAfterTheAnswer(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	c := reach(srv, Extended)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var tx *Transaction
	c.Hooks = []events.Hook{onEvent(events.KindMessage, func(events.Event) {
		cancel()
		for told := false; !told; runtime.Gosched() { // the watch on ctx has run
			tx.s.mu.Lock()
			told = tx.expired != nil
			tx.s.mu.Unlock()
		}
	})}
	s := linked(t, c)
	var err error
	if tx, err = s.Begin(ctx, smtp.Mail{From: "from@example.org"}); err != nil {
		t.Fatal(err)
	}
	if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
		t.Fatal(err)
	}
	if r, err := tx.Commit(t.Context()); err != nil || r.Outcome != smtp.Accepted {
		t.Fatalf("%v, %v", r, err)
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Errorf("the session was hurt: %v", err)
	}
}

// A step whose context ends while it is queued is not done, and hurts nothing.
func TestTransaction_AStepThatIsGivenUpWhileItIsQueued(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		queued := make(chan error, 1)
		c := reach(srv, Extended)
		var s *Session
		var tx *Transaction
		var once sync.Once
		c.Hooks = []events.Hook{onEvent(events.KindRecipient, func(events.Event) {
			once.Do(func() {
				go func() { queued <- tx.AddRecipient(ctx, smtp.Recipient{Address: "b@example.net"}) }()
				for here := false; !here; runtime.Gosched() {
					s.mu.Lock()
					here = len(s.life.steps) > 0
					s.mu.Unlock()
				}
				cancel()
			})
		})}
		s = linked(t, c)
		tx = begin(t, s)
		if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
			t.Fatal(err)
		}
		if err := <-queued; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "c@example.net"}); err != nil {
			t.Fatalf("the session was hurt: %v", err)
		}
		if r, err := tx.Commit(t.Context()); err != nil || len(r.Recipients) != 2 {
			t.Errorf("%v, %v", r, err)
		}
	}
}

// A step that a context ends says so, with its cause.
func TestTransaction_AStepTellsWhatEndedIt(t *testing.T) {
	mine := errors.New("mine")
	for name, f := range map[string]func(t *testing.T){
		"AddRecipient's": func(t *testing.T) {
			tx := begin(t, stepping(t, "RCPT", smtptest.Silence()))
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, mine)
			defer cancel()
			if err := tx.AddRecipient(ctx, smtp.Recipient{Address: "a@example.net"}); !errors.Is(err, mine) || !errors.Is(err, smtp.ErrCanceled) || asError(err).Phase != "mail" {
				t.Errorf("%v", err)
			}
		},
		"Begin's": func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, mine)
			defer cancel()
			tx, err := stepping(t, "RCPT", smtptest.Silence()).Begin(ctx, smtp.Mail{})
			if err != nil {
				t.Fatal(err)
			}
			if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); !errors.Is(err, mine) || !errors.Is(err, smtp.ErrCanceled) {
				t.Errorf("%v", err)
			}
		},
		"of a Write": func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, mine)
			defer cancel()
			tx, err := stepping(t, "BDAT", smtptest.Silence()).Begin(ctx, smtp.Mail{})
			if err != nil {
				t.Fatal(err)
			}
			if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
				t.Fatal(err)
			}
			if _, err = tx.Write(manyLines); !errors.Is(err, mine) || !errors.Is(err, smtp.ErrCanceled) {
				t.Errorf("%v", err)
			}
		},
	} {
		bubble(t, name, f)
	}
}

// Commit's context holds also while it waits for a Write.
func TestTransaction_CommitsContextEndsAWriteThatHangs(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := stepping(t, "BDAT", smtptest.Silence())
		tx := begin(t, s)
		if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
			t.Fatal(err)
		}
		written := make(chan error, 1)
		go func() { _, err := tx.Write(manyLines); written <- err }()
		<-time.After(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		r, err := tx.Commit(ctx)
		if took := time.Since(begun); took != time.Second || r.Outcome != smtp.NotSent || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v, %v", took, r, err)
		}
		if err := <-written; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		<-s.Done()
	})
}

// The same behind another step that hangs.
func TestTransaction_CommitsContextEndsAStepThatHangs(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := stepping(t, "RCPT", smtptest.Silence())
		tx := begin(t, s)
		added := make(chan error, 1)
		go func() { added <- tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}) }()
		<-time.After(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		r, err := tx.Commit(ctx)
		if took := time.Since(begun); took != time.Second || r.Outcome != smtp.NotSent || err == nil {
			t.Errorf("after %v: %v, %v", took, r, err)
		}
		if err := <-added; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// A hook that panics in a step ends the session.
func TestTransaction_H23_AHookPanicsInAStep(t *testing.T) {
	srv := memory(t, smtptest.Config{})
	c := reach(srv, Extended)
	c.Dialer = srv
	c.Hooks = []events.Hook{onEvent(events.KindRecipient, func(events.Event) { panic("boom") })}
	s := linked(t, c)
	tx := begin(t, s)
	if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); !errors.Is(err, smtp.ErrPanic) {
		t.Error(err)
	}
	within(t, s.Done(), "the end")
	if !errors.Is(s.Err(), smtp.ErrPanic) {
		t.Error(s.Err())
	}
	if r, err := tx.Commit(t.Context()); r.Outcome != smtp.NotSent || err == nil {
		t.Errorf("%v, %v", r, err)
	}
}

// scopes counts the commands whose scope is open.
type scopes struct{ open map[string]int }

func (h *scopes) CommandStart(ctx context.Context, s events.CommandStart) context.Context {
	h.open[s.Verb]++
	return ctx
}
func (h *scopes) CommandEnd(_ context.Context, e events.CommandEnd) { h.open[e.Verb]-- }

// bomb panics where a command begins.
type bomb struct{ verb string }

func (b bomb) CommandStart(ctx context.Context, s events.CommandStart) context.Context {
	if s.Verb == b.verb {
		panic("boom")
	}
	return ctx
}
func (bomb) CommandEnd(context.Context, events.CommandEnd) {}

// Every Start has its End, whatever panics beside it.
func TestSend_H23_EveryCommandsStartHasItsEnd(t *testing.T) {
	for _, verb := range []string{"MAIL", "RCPT", "DATA", ".", "BDAT"} {
		keywords := []string{"PIPELINING"}
		if verb == "BDAT" {
			keywords = append(keywords, "CHUNKING")
		}
		for from, content := range contents(string(manyLines)) {
			srv := memory(t, smtptest.Config{Keywords: keywords})
			c := reach(srv, Extended)
			c.Dialer = srv
			h := &scopes{open: map[string]int{}}
			c.Hooks = []events.Hook{h, bomb{verb}}
			s := linked(t, c)
			m := to("a@example.net", "b@example.net")
			m.Content = content()
			if _, err := s.Send(t.Context(), m); !errors.Is(err, smtp.ErrPanic) {
				t.Errorf("%s, %s: %v", verb, from, err)
			}
			<-s.Done()
			for v, n := range h.open {
				if n != 0 {
					t.Errorf("a panic at %s: %d Starts of %s without End", verb, n, v)
				}
			}
		}
	}
}

// What the server says unasked before a command of the message is its goodbye,
// and no word about the message.
func TestSend_AGoodbyeBeforeMAILRefusesNothing(t *testing.T) {
	for _, bye := range []string{"421 4.3.2 bye", "554 5.3.2 going down"} {
		srv := loopback(t, smtptest.Config{})
		c := reach(srv, Extended)
		var s *Session
		var once sync.Once
		type result struct {
			r   *smtp.Receipt
			err error
		}
		got := make(chan result, 1)
		c.Hooks = []events.Hook{onEvent(events.KindCommand, func(events.Event) {
			once.Do(func() {
				go func() { r, err := s.Send(context.Background(), to("a@example.net")); got <- result{r, err} }()
				for s.Snapshot().Waiting == 0 {
					runtime.Gosched()
				}
				srv.Say(bye)
				awaitOctets(t, s)
			})
		})}
		s = linked(t, c)
		if err := s.Noop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if g := <-got; g.r.Outcome != smtp.NotSent || !smtp.SafeToRetry(g.err) || said(srv, "MAIL") != 0 {
			t.Errorf("%s: %v, %v, %q", bye, g.r, g.err, srv.Commands())
		}
	}
}

// A reader is believed, not what the system says of its size: files of /proc have
// none.
func TestSend_AFileWhoseSizeIsALie(t *testing.T) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	s, srv, _ := offering(t, Envelope, nil, "CHUNKING")
	m := to("a@example.net")
	m.Content = f
	r, err := s.Send(t.Context(), m)
	if got := srv.Messages(); err != nil || len(got) != 1 || len(got[0].Content) == 0 {
		t.Errorf("%v, %v", r, err)
	}
}

// Two sessions may send one file at once: nobody moves its offset.
func TestSend_OneFileTwoSessions(t *testing.T) {
	name := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(name, manyLines, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, canonical := range []bool{false, true} {
		srv := loopback(t, smtptest.Config{Keywords: []string{"CHUNKING"}})
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 4 {
			s := linked(t, reach(srv, Extended))
			all.Go(func() {
				m := to("a@example.net")
				m.Content, m.Canonical = f, canonical
				if r, err := s.Send(t.Context(), m); err != nil || r.Octets != int64(len(manyLines)) {
					t.Errorf("%v, %v", r, err)
				}
			})
		}
		all.Wait()
		for _, m := range srv.Messages() {
			if !bytes.Equal(m.Content, manyLines) {
				t.Errorf("canonical %v: another content was kept (%d octets)", canonical, len(m.Content))
			}
		}
		if at, err := f.Seek(0, io.SeekCurrent); at != 0 || err != nil {
			t.Errorf("the offset is %d, %v", at, err)
		}
		_ = f.Close()
	}
}

// A transaction that was given up between chunks leaves nothing torn: after QUIT
// the connection ends in an orderly way.
func TestTransaction_AnAbortBetweenChunksLeavesNothingTorn(t *testing.T) {
	end := make(chan error, 1)
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"QUIT": func(c *smtptest.Conn) {
		c.Write("221 bye\r\n")
		_, err := c.NetConn().Read(make([]byte, 10))
		end <- err
	}}})
	s := linked(t, reach(srv, Extended))
	tx := begin(t, s)
	if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Write(manyLines); err != nil {
		t.Fatal(err)
	}
	if err := tx.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Disconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-end; err != io.EOF {
		t.Errorf("after QUIT and 221: %v, want EOF", err)
	}
}

// A context may be of a type that cannot be compared.
func TestSend_AContextThatCannotBeCompared(t *testing.T) {
	type odd struct {
		context.Context
		values map[string]int
	}
	s, _, _ := offering(t, Envelope, nil)
	if _, err := s.Send(odd{t.Context(), nil}, to("a@example.net")); err != nil {
		t.Error(err)
	}
	if err := s.Noop(odd{t.Context(), nil}); err != nil {
		t.Error(err)
	}
}

// The last line of a file may end in the next block: the chunk is whole before,
// and the server's answer is one to it.
func TestSend_AChunkThatIsWholeBeforeItsContentEnds(t *testing.T) {
	text := strings.Repeat("x", firstBlock-1) + "\r\n"
	f := onDisk(t, text)
	srv := loopback(t, smtptest.Config{Keywords: []string{"CHUNKING"}})
	c := reach(srv, Extended)
	var s *Session
	var once sync.Once
	c.Hooks = []events.Hook{onEvent(events.KindProgress, func(events.Event) { once.Do(func() { awaitOctets(t, s) }) })} // the answer is here
	s = linked(t, c)
	m := to("a@example.net")
	m.Content = f
	if r, err := s.Send(t.Context(), m); err != nil || len(srv.Messages()) != 1 || string(srv.Messages()[0].Content) != text {
		t.Errorf("%v, %v", r, err)
	}
}

// A FIN in the middle of a long write is told as one.
func TestSend_AFINInTheMiddleOfALongWrite(t *testing.T) {
	srv := loopback(t, smtptest.Config{Keywords: []string{"CHUNKING"}, On: map[string]smtptest.Step{"BDAT": func(c *smtptest.Conn) {
		_ = c.NetConn().(interface{ CloseWrite() error }).CloseWrite()
		smtptest.Silence()(c)
	}}})
	s := linked(t, reach(srv, Extended))
	m := to("a@example.net")
	m.Content = bytes.NewReader(bytes.Repeat([]byte("twenty octets a line\r\n"), 2_000_000))
	if r, err := s.Send(t.Context(), m); !errors.Is(err, smtp.ErrLost) || errors.Is(err, errSpoken) || r.Outcome == smtp.Accepted {
		t.Errorf("%v, %v", r, err)
	}
	<-s.Done()
}

// A hook in the middle of a long write may do what a hook may, and close the
// connection that its own dialer made.
func TestSend_AHookClosesTheConnectionInALongWrite(t *testing.T) {
	srv := loopback(t, smtptest.Config{Keywords: []string{"CHUNKING"}})
	c := reach(srv, Extended)
	var made net.Conn
	c.Dialer = dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		var err error
		made, err = d.DialContext(ctx, network, address)
		return made, err
	})
	c.Hooks = []events.Hook{onEvent(events.KindProgress, func(events.Event) { _ = made.Close() })}
	s := linked(t, c)
	m := to("a@example.net")
	m.Content = bytes.NewReader(bytes.Repeat([]byte("twenty octets a line\r\n"), 2_000_000))
	if r, err := s.Send(t.Context(), m); err == nil {
		t.Errorf("%v, %v", r, err)
	}
	within(t, s.Done(), "the end")
}

// H15: a refusal in the middle of the content is the same whether it is read between
// two steps or within one.
func TestTransaction_H15_RefusedWhileNobodyWrites(t *testing.T) {
	const line = "twenty octets a line\r\n"
	refused := make(chan struct{})
	srv := memory(t, smtptest.Config{Keywords: []string{"8BITMIME"}, On: map[string]smtptest.Step{"DATA": smtptest.Then(smtptest.SayRaw("354 go\r\n"), func(c *smtptest.Conn) {
		for range nextBlock / len(line) { // what Write sends
			if _, err := c.ReadLine(); err != nil {
				return
			}
		}
		<-refused
		_ = c.Write("552 5.3.4 too big\r\n")
		for err := error(nil); err == nil; _, err = c.ReadLine() {
		}
	})}})
	c := reach(srv, Extended)
	c.Dialer = srv
	s := linked(t, c)
	tx := begin(t, s)
	if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Write(bytes.Repeat([]byte(line), nextBlock/len(line)+1)); err != nil {
		t.Fatal(err)
	}
	close(refused)
	<-s.Done()
	r, err := tx.Commit(t.Context())
	if r.Outcome != smtp.Rejected || smtp.Code(err) != 552 || smtp.SafeToRetry(err) {
		t.Errorf("%v, %v, safe %v", r, err, smtp.SafeToRetry(err))
	}
}

// A step that a hook cuts short is no success.
func TestTransaction_H23_AStepThatEndsItsGoroutine(t *testing.T) {
	for verb, step := range map[string]func(*testing.T, *Transaction) error{
		"RCPT": func(t *testing.T, tx *Transaction) error {
			return tx.AddRecipient(t.Context(), smtp.Recipient{Address: "b@example.net"})
		},
		"DATA": func(_ *testing.T, tx *Transaction) error { _, err := tx.Write(make([]byte, nextBlock)); return err },
	} {
		bubble(t, verb, func(t *testing.T) {
			srv := memory(t, smtptest.Config{Keywords: []string{"8BITMIME"}})
			first := verb == "RCPT"
			c := reach(srv, Extended)
			c.Dialer, c.Hooks = srv, []events.Hook{verbHook{true, func(v string) {
				if v == verb && !first {
					runtime.Goexit()
				}
				first = first && v != verb
			}}}
			s := linked(t, c)
			tx := begin(t, s)
			if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
				t.Fatal(err)
			}
			if err := step(t, tx); err == nil {
				t.Error("no error")
			}
			if r, err := tx.Commit(t.Context()); r.Outcome != smtp.NotSent || err == nil {
				t.Errorf("%v, %v", r, err)
			}
			<-s.Done()
		})
	}
}

// A recipient that comes when content has left is too late, and is not asked for.
func TestTransaction_ARecipientTooLate(t *testing.T) {
	for offered, keywords := range keywordSets() {
		s, srv, evs := offering(t, Envelope, nil, keywords...)
		tx := begin(t, s)
		if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Write(manyLines); err != nil {
			t.Fatal(err)
		}
		if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "late@example.net"}); !errors.Is(err, smtp.ErrInvalid) || said(srv, "RCPT") != 1 {
			t.Errorf("%s: %v, %q", offered, err, srv.Commands())
		}
		if r, err := tx.Commit(t.Context()); err != nil || len(r.Recipients) != 1 {
			t.Errorf("%s: %v, %v", offered, r, err)
		}
		leave(t, s, evs)
	}
}

// What has nobody to go to says so, and why.
func TestTransaction_ThatNobodyIsToGetSaysWhy(t *testing.T) {
	for offered, keywords := range keywordSets() {
		s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{"RCPT": smtptest.Sequence(smtptest.Say("550 5.1.1 nobody"), smtptest.Say("450 4.2.0 later"))}, keywords...)
		tx := begin(t, s)
		if r, err := tx.Commit(t.Context()); r.Outcome != smtp.NotSent || !errors.Is(err, smtp.ErrInvalid) || !errors.Is(r.Cause, smtp.ErrInvalid) {
			t.Errorf("%s: %v, %v", offered, r, err)
		}
		tx = begin(t, s)
		for _, to := range []string{"a@example.net", "b@example.net"} {
			if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: to}); err == nil {
				t.Errorf("%s: accepted", to)
			}
		}
		if _, err := tx.Write(manyLines); smtp.Code(err) != 550 {
			t.Errorf("%s: Write: %v", offered, err)
		}
		r, err := tx.Commit(t.Context())
		if r.Outcome != smtp.Rejected || r.Cause != nil || smtp.Code(err) != 450 || !smtp.SafeToRetry(err) {
			t.Errorf("%s: %v, %v, %v", offered, r, err, r.Cause)
		}
		if _, err := tx.Write([]byte("x")); err == nil || !strings.Contains(err.Error(), "over") {
			t.Errorf("%s: Write after Commit: %v", offered, err)
		}
		leave(t, s, evs)
		if said(srv, "DATA")+said(srv, "BDAT") != 0 {
			t.Errorf("%s: %q", offered, srv.Commands())
		}
	}
}

// A MAIL that is refused is a message that was rejected.
func TestTransaction_ARefusedMAILIsARejectedMessage(t *testing.T) {
	s, _, evs := offering(t, Envelope, map[string]smtptest.Step{"MAIL": smtptest.Say("550 5.7.1 no")})
	if _, err := s.Begin(t.Context(), smtp.Mail{From: "from@example.org"}); smtp.Code(err) != 550 {
		t.Error(err)
	}
	for _, e := range leave(t, s, evs) {
		if e, ok := e.(events.OnMessage); ok && (e.Receipt.Outcome != smtp.Rejected || e.Receipt.Reply.Code != 550 || smtp.Code(e.Receipt.Cause) != 550) {
			t.Errorf("%v, %v", e.Receipt, e.Receipt.Cause)
		}
	}
}

// A Write that fails tells why, and the transaction is over: with the server's
// words where it refused, and for what may not go out.
func TestTransaction_AWriteThatFailsTellsWhy(t *testing.T) {
	no := smtptest.Say("552 5.3.4 too big")
	for name, c := range map[string]struct {
		keyword string
		on      map[string]smtptest.Step
		octet   byte
		outcome smtp.Outcome
		is      func(error) bool
	}{
		"DATA":  {"8BITMIME", map[string]smtptest.Step{"DATA": no}, 'x', smtp.Rejected, func(err error) bool { return smtp.Code(err) == 552 }},
		"BDAT":  {"CHUNKING", map[string]smtptest.Step{"BDAT": no}, 'x', smtp.Rejected, func(err error) bool { return smtp.Code(err) == 552 }},
		"8-bit": {"CHUNKING", nil, 0xff, smtp.NotSent, func(err error) bool { return errors.Is(err, smtp.ErrNotOffered) }},
	} {
		s, srv, evs := offering(t, Envelope, c.on, c.keyword)
		tx := begin(t, s)
		if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Write(bytes.Repeat([]byte{c.octet}, nextBlock)); !c.is(err) {
			t.Errorf("%s: Write: %v", name, err)
		}
		if err := s.Noop(t.Context()); err != nil {
			t.Errorf("%s: the session is not free: %v", name, err)
		}
		if r, err := tx.Commit(t.Context()); r.Outcome != c.outcome || !c.is(err) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
		leave(t, s, evs)
		if len(srv.Messages()) != 0 {
			t.Errorf("%s: %d messages", name, len(srv.Messages()))
		}
	}
}

// Abort has nothing to say of a session that is over.
func TestTransaction_AbortAfterTheEnd(t *testing.T) {
	s, _, _ := offering(t, Envelope, nil)
	tx := begin(t, s)
	_ = s.Close()
	<-s.Done()
	if err := tx.Abort(); err != nil {
		t.Error(err)
	}
}
