package session

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// tally counts what one channel delivered.
type tally struct {
	first    events.OnStateChange
	last     events.Event
	received uint64
	missed   uint64
	of       map[events.Kind]uint64
}

func drain(ch <-chan events.Event) tally {
	c := tally{of: map[events.Kind]uint64{}}
	for e := range ch {
		if lagged, ok := e.(events.Lagged); ok {
			c.missed += lagged.Missed
			continue
		}
		if state, ok := e.(events.OnStateChange); ok && state.From == state.To {
			c.first = state
			continue
		}
		c.received++
		c.of[e.Kind()]++
		c.last = e
	}
	return c
}

// Invariant 10, H23: whoever reads late, slowly or never, the session does not
// wait; what did not fit is counted, and the last event comes.
func TestInvariant_10_ASlowSubscriberMissesAndKnowsHowMuch(t *testing.T) {
	bubble(t, "H23", func(t *testing.T) {
		const noops = 500
		srv := memory(t, smtptest.Config{})
		s := newSession(t, place{options: Extended}.config(srv))
		all := record(t, s)
		dead := map[events.Filter]<-chan events.Event{}
		for _, f := range []events.Filter{
			{Buffer: 1}, {Buffer: 10}, {}, {Buffer: 1, Kinds: events.MaskOf(events.KindCommand)}, {Buffer: 1, Kinds: events.MaskOf(events.KindTimeout)},
			{Buffer: 3, Kinds: events.MaskOf(events.KindStateChange, events.KindCommand)},
		} {
			dead[f], _ = s.Subscribe(f)
		}
		slow, _ := s.Subscribe(events.Filter{Buffer: 2})
		read := make(chan tally, 1)
		go func() { read <- drain(slow) }()
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range noops {
			if err := s.Noop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Disconnect(t.Context()); err != nil {
			t.Fatal(err)
		}
		evs := all()
		checkLife(t, evs)
		last := evs[len(evs)-1]
		emitted := map[events.Kind]uint64{}
		for _, e := range evs[1:] {
			emitted[e.Kind()]++
		}
		check := func(f events.Filter, c tally) {
			t.Helper()
			if c.last != last {
				t.Errorf("%+v: the last event is %v, want %v", f, c.last, last)
			}
			var want uint64
			for k, n := range emitted {
				if f.Kinds == 0 || f.Kinds.Has(k) || k == events.KindDisconnect {
					want += n
				}
			}
			if c.received+c.missed != want {
				t.Errorf("%+v: received %d, missed %d, emitted %d", f, c.received, c.missed, want)
			}
			if f.Buffer > 0 && c.received > uint64(f.Buffer)+2 && f.Buffer != 2 {
				t.Errorf("%+v: %d events in the channel", f, c.received)
			}
		}
		for f, ch := range dead {
			check(f, drain(ch))
		}
		check(events.Filter{Buffer: 2}, <-read)
	})
}

// Subscribers come and go while events flow; nobody notices.
func TestHostile_H23_SubscribersThatComeAndGo(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	s := newSession(t, place{options: Extended}.config(srv))
	for range 3 {
		all := record(t, s)
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		var others sync.WaitGroup
		for i := range 4 {
			others.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					ch, cancel := s.Subscribe(events.Filter{Buffer: 1 + n%3})
					if n%4 == 0 {
						go cancel()
					}
					<-ch // the state at least, or the close
					for range (n + i) % 3 {
						select {
						case <-ch:
						default:
						}
					}
					cancel()
					cancel()
					for range ch { // it was closed: this ends
					}
				}
			})
		}
		for range 60 {
			if err := s.Noop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		close(stop)
		others.Wait()
		if err := s.Disconnect(t.Context()); err != nil {
			t.Fatal(err)
		}
		evs := all()
		checkLife(t, evs)
		if n := count(evs, events.KindCommand); n != 60 {
			t.Errorf("%d OnCommand", n)
		}
	}
}

// Who hears the last event of a life may connect again, right then.
func TestConnect_RightFromTheLastEventOfALife(t *testing.T) {
	for name, step := range map[string]smtptest.Step{
		"OnDisconnect":  nil,
		"final OnError": smtptest.Say("554 no"),
	} {
		t.Run(name, func(t *testing.T) {
			srv := loopback(t, place{moment: "GREETING"}.server(step))
			s := newSession(t, place{options: Extended}.config(srv))
			const lives = 300
			next, _ := s.Subscribe(events.Filter{Buffer: 100})
			begun := s.Connect(t.Context())
			for life := uint64(1); life <= lives; life++ {
				if (begun == nil) != (step == nil) || errors.Is(begun, smtp.ErrConnected) {
					t.Fatalf("life %d: %v", life, begun)
				}
				if begun == nil {
					srv.CloseConns()
				}
				var evs []events.Event
				var following <-chan events.Event
				for e := range next {
					evs = append(evs, e)
					if e.Kind() != events.KindError && (e.Kind() != events.KindDisconnect || step != nil) {
						continue
					}
					following, _ = s.Subscribe(events.Filter{Buffer: 100})
					begun = s.Connect(context.Background())
				}
				checkLife(t, evs)
				if got := evs[len(evs)-1].Head().Life; got != life {
					t.Fatalf("life %d is called %d", life, got)
				}
				next = following
			}
			_ = s.Close()
			within(t, s.Done(), "the end")
			for range next {
			}
			if s.State() != fsm.Closed {
				t.Error(s.State())
			}
		})
	}
}

// Even while the hooks of the last event take their time.
func TestConnect_FromTheLastEventWaitsForTheEnd(t *testing.T) {
	bubble(t, "H23", func(t *testing.T) {
		srv := memory(t, smtptest.Config{})
		c := place{options: Extended}.config(srv)
		c.Hooks = []events.Hook{onEvent(events.KindDisconnect, func(events.Event) { <-time.After(time.Second) })}
		s := newSession(t, c)
		ch, _ := s.Subscribe(events.Filter{})
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		srv.CloseConns()
		for range ch {
		}
		if err := s.Connect(t.Context()); err != nil || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}
