package live

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestRegistry_KnowsASessionFromTheBeginOfItsLifeToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		greet := make(chan struct{})
		_, c := memory(t, &r, smtptest.Config{On: map[string]smtptest.Step{
			"GREETING": func(conn *smtptest.Conn) {
				<-greet
				smtptest.Usual()(conn)
			},
		}})
		s := newSession(t, c)
		if got := r.Sessions(); len(got) != 0 {
			t.Errorf("before its life: %v", got)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := r.Counts(); !maps.Equal(got, map[fsm.State]int{fsm.Greeting: 1}) {
			t.Errorf("on its way: %v", got)
		}
		close(greet)
		if err := s.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := r.Sessions()
		if len(got) != 1 {
			t.Fatalf("%v", got)
		}
		if g := got[0]; g.ID != s.ID() || g.State != fsm.Ready || g.Since.IsZero() || g.Host != c.HostAddress || g.Port != 25 ||
			g.Remote != "192.0.2.25:25" || g.Attempt != 1 || g.Written == 0 || g.Read == 0 || g.Reply.Code != 250 {
			t.Errorf("%+v", g)
		}
		if err := s.Disconnect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.Sessions(); len(got) != 0 { // Disconnect waits for Done
			t.Errorf("after its life: %v", got)
		}
		if err := s.Connect(t.Context(), session.WithRemotePort(-1)); !errors.Is(err, smtp.ErrInvalid) {
			t.Fatal(err)
		}
		if got, counts := r.Sessions(), r.Counts(); len(got) != 0 || len(counts) != 0 {
			t.Errorf("after refused arguments: %v %v", got, counts)
		}
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.Sessions(); len(got) != 1 || got[0].Life != 3 {
			t.Errorf("in its next life: %v", got)
		}
	})
}

func TestRegistry_ListsInOrderOfID(t *testing.T) {
	var r Registry
	for _, id := range []uint64{900, 3, 70, 12} {
		r.LifeStart(t.Context(), idle(id, events.Snapshot{State: fsm.Mail}))
	}
	var ids []uint64
	for _, s := range r.Sessions() {
		ids = append(ids, s.ID)
	}
	if !slices.Equal(ids, []uint64{3, 12, 70, 900}) {
		t.Error(ids)
	}
	if n := r.Counts()[fsm.Mail]; n != 4 {
		t.Error(n)
	}
}

func TestRegistry_AbortClosesThatSessionForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		_, c := memory(t, &r, smtptest.Config{})
		s, other := linked(t, c), linked(t, c)
		if r.Abort(s.ID() + 1000) {
			t.Error("aborted what there is not")
		}
		if !r.Abort(s.ID()) {
			t.Error("did not abort what there is")
		}
		within(t, s.Done(), "the end")
		if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrClosed) {
			t.Error(err)
		}
		if got := r.Sessions(); len(got) != 1 || got[0].ID != other.ID() || got[0].State != fsm.Ready {
			t.Errorf("%v", got)
		}
		if r.Abort(s.ID()) {
			t.Error("aborted twice")
		}
	})
}

func TestRegistry_KeepsWhatWentWrongOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		srv, c := memory(t, &r, smtptest.Config{On: map[string]smtptest.Step{
			"GREETING": smtptest.Sequence(smtptest.Say("450 later"), smtptest.Say("554 \x1b[2Jnever"), smtptest.Usual()),
			"NOOP":     smtptest.Say("500 what?"),
			"RCPT":     smtptest.Say("550 5.1.1 who?"),
		}})
		c.Retry = session.Retry{MaxAttempts: 2, Replies: true}
		s := newSession(t, c)
		if err := s.Connect(t.Context()); smtp.Code(err) != 554 {
			t.Fatal(err)
		}
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Noop(t.Context()); smtp.Code(err) != 500 {
			t.Fatal(err)
		}
		if _, err := s.Send(t.Context(), &smtp.Message{Recipients: smtp.To("to@example.net"), Content: strings.NewReader("a: b\r\n")}); err == nil {
			t.Fatal("sent")
		}
		srv.CloseConns()
		within(t, s.Done(), "the end")
		var got []events.Kind
		for _, f := range r.Failures() {
			got = append(got, f.Event)
			if f.Session != s.ID() || f.Host != c.HostAddress || f.Time.IsZero() || f.Text == "" || strings.ContainsRune(f.Text, '\x1b') {
				t.Errorf("%+v", f)
			}
		}
		want := []events.Kind{events.KindDisconnect, events.KindMessage, events.KindCommand, events.KindError, events.KindRetry}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// Invariant 3 of the page, as it were: what a session does is no slower for it.
func TestRegistry_AReaderHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		stuck := make(chan struct{})
		h := idle(1, events.Snapshot{})
		h.Snapshot = func() events.Snapshot { <-stuck; return events.Snapshot{} }
		r.sessions.Store(uint64(1), &entry{handle: h})
		page := r.Handler(Page{})
		read := make(chan struct{})
		go func() {
			defer close(read)
			ask(page, "GET", "/debug/smtp/")
		}()
		synctest.Wait() // the reader is in the middle of the sessions
		_, c := memory(t, &r, smtptest.Config{})
		s := linked(t, c)
		if !r.Abort(s.ID()) {
			t.Error("not there")
		}
		within(t, s.Done(), "a life while a page is read")
		close(stuck)
		<-read
	})
}
