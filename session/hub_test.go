package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// census is the truth that readers are held against: a hook hears every event.
type census struct {
	mu     sync.Mutex
	of     map[uint64]map[events.Kind]uint64 // by session
	last   map[uint64][]events.Header        // the last event of each life
	missed uint64                            // as hooks were told
}

func (c *census) Kinds() events.Mask { return events.All }

func (c *census) Event(_ context.Context, e events.Event) {
	h := e.Head()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[h.Session] == nil {
		c.of[h.Session] = map[events.Kind]uint64{}
	}
	c.of[h.Session][e.Kind()]++
	if n := len(c.last[h.Session]); n < int(h.Life) {
		c.last[h.Session] = append(c.last[h.Session], h)
	} else {
		c.last[h.Session][n-1] = h
	}
}

func (c *census) EventsMissed(_ context.Context, n uint64) {
	c.mu.Lock()
	c.missed += n
	c.mu.Unlock()
}

// emitted returns what a subscriber of kinds was to get of a session, or of all:
// with the last event of each life, whatever it is.
func (c *census) emitted(session uint64, kinds events.Mask) (n uint64) {
	for id, of := range c.of {
		if session != 0 && id != session {
			continue
		}
		for k, count := range of {
			if kinds.Has(k) {
				n += count
			}
		}
	}
	return n
}

// reader is one subscriber, and what it got.
type reader struct {
	kinds    events.Mask
	pause    time.Duration // between events
	panics   bool
	received uint64
	missed   uint64
	seq      map[uint64]uint64 // the newest, by session
	lives    map[uint64]uint64
}

// read reads to the end. It fails for an event out of order.
func (r *reader) read(t *testing.T, ch <-chan events.Event) {
	r.seq, r.lives = map[uint64]uint64{}, map[uint64]uint64{}
	h := events.Handlers{OnDisconnect: func(events.OnDisconnect) {
		if r.panics {
			panic("boom")
		}
	}, OnPanic: func(_ events.Event, err error) {
		if !errors.Is(err, smtp.ErrPanic) {
			t.Error(err)
		}
	}}
	for e := range ch {
		_ = h.Handle(e)
		if r.pause > 0 {
			<-time.After(r.pause)
		}
		if lagged, ok := e.(events.Lagged); ok {
			r.missed += lagged.Missed
			continue
		}
		if state, ok := e.(events.OnStateChange); ok && state.From == state.To { // the first of a session's own channel
			continue
		}
		head := e.Head()
		r.received++
		if head.Seq <= r.seq[head.Session] || head.Life < r.lives[head.Session] {
			t.Errorf("session %d: event %d of life %d after %d of life %d", head.Session, head.Seq, head.Life, r.seq[head.Session], r.lives[head.Session])
		}
		r.seq[head.Session], r.lives[head.Session] = head.Seq, head.Life
	}
}

// Invariant 10, H23, with a thousand sessions at once: readers of a hub and of
// sessions, fast, slow, dead until all is over, cancelling or panicking. No session
// is hurt, each reader knows how much it missed, the last event of each life comes.
func TestInvariant_10_AThousandSessionsAndTheirReaders(t *testing.T) {
	bubble(t, "hub", func(t *testing.T) {
		const sessions = 1000
		seed := seedOf(t)
		hub := new(events.Hub)
		truth := &census{of: map[uint64]map[events.Kind]uint64{}, last: map[uint64][]events.Header{}}
		start := make(chan struct{})

		everything := events.All
		some := events.MaskOf(events.KindConnect, events.KindCommand, events.KindMessage, events.KindError, events.KindDisconnect)
		ofHub := []*reader{{kinds: everything}, {kinds: some}, {kinds: everything, pause: time.Millisecond}, {kinds: some, pause: time.Second},
			{kinds: everything, panics: true}, {kinds: everything}}
		dead := ofHub[len(ofHub)-1] // does not read before all is over
		var reading, dying sync.WaitGroup
		var cancels []func()
		for i, r := range ofHub {
			ch, cancel := hub.Subscribe(events.Filter{Buffer: 1 + i*50, Kinds: r.kinds})
			cancels = append(cancels, cancel)
			if r != dead {
				reading.Go(func() { r.read(t, ch) })
			} else {
				dying.Go(func() { <-start; r.read(t, ch) })
			}
		}
		var comers sync.WaitGroup // who come and go, from callbacks too
		over := make(chan struct{})
		for i := range 4 {
			comers.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(i)+1e6))
				for {
					ch, cancel := hub.Subscribe(events.Filter{Buffer: 1 + rng.IntN(10)})
					left := rng.IntN(30)
					h := events.Handlers{OnStateChange: func(events.OnStateChange) {
						if left--; left <= 0 {
							cancel()
						}
					}}
					wait := time.AfterFunc(time.Duration(rng.IntN(100))*time.Second, cancel)
					if err := h.Dispatch(ch); err != nil {
						t.Error(err)
					}
					wait.Stop()
					cancel()
					select {
					case <-over:
						return
					default:
					}
				}
			})
		}

		var lives sync.WaitGroup
		for i := range uint64(sessions) {
			lives.Go(func() {
				rng := rand.New(rand.NewPCG(seed, i))
				step := smtptest.Usual()
				if rng.IntN(2) == 0 {
					step = faults()[rng.IntN(len(faults()))].step
				}
				p := places()[rng.IntN(len(places()))]
				srv := memory(t, p.server(step))
				c := p.config(srv)
				c.Hub, c.Hooks = hub, []events.Hook{truth}
				c.Retry = Retry{MaxAttempts: 1 + rng.IntN(3), Replies: true}
				watchedLives(t, rng, newSession(t, c), p, truth)
			})
		}
		lives.Wait()
		close(over)
		comers.Wait()
		synctest.Wait()
		close(start)
		// Whoever is slow goes on reading now.
		<-time.After(24 * time.Hour)
		for _, cancel := range cancels {
			cancel()
		}
		reading.Wait()
		dying.Wait()

		for i, r := range ofHub {
			if want := truth.emitted(0, r.kinds); r.received+r.missed != want {
				t.Errorf("reader %d of the hub: received %d, missed %d, emitted %d", i, r.received, r.missed, want)
			}
			for id, last := range truth.last {
				if r.seq[id] != last[len(last)-1].Seq {
					t.Errorf("reader %d of the hub: the last event of session %d is %d, not %d", i, id, r.seq[id], last[len(last)-1].Seq)
				}
			}
		}
		if dead.missed == 0 || ofHub[3].missed == 0 || truth.missed < dead.missed {
			t.Errorf("missed: dead %d, slow %d, all %d", dead.missed, ofHub[3].missed, truth.missed)
		}
	})
}

// watchedLives lives twice with some readers of the session's own, and holds them
// against the truth.
func watchedLives(t *testing.T, rng *rand.Rand, s *Session, p place, truth *census) {
	for range 2 {
		before := map[events.Mask]uint64{}
		truth.mu.Lock()
		own := []*reader{{kinds: events.All}, {kinds: events.All, pause: 10 * time.Second}, {kinds: events.All, panics: true}}
		for _, r := range own {
			before[r.kinds] = truth.emitted(s.ID(), r.kinds)
		}
		truth.mu.Unlock()
		var reading sync.WaitGroup
		for _, r := range own {
			ch, _ := s.Subscribe(events.Filter{Buffer: 1 + rng.IntN(20), Kinds: r.kinds})
			reading.Go(func() { r.read(t, ch) })
		}
		unread, _ := s.Subscribe(events.Filter{Buffer: 1})
		_, cancel := s.Subscribe(events.Filter{Buffer: 1})
		stop := time.AfterFunc(time.Duration(rng.IntN(1000))*time.Millisecond, cancel)
		if err := s.Connect(t.Context()); err == nil {
			if p.ask != nil {
				_ = p.ask(t.Context(), s)
			}
			for range rng.IntN(10) {
				_ = s.Noop(t.Context())
			}
			_ = sendLetter(t.Context(), s)
			_ = s.Disconnect(t.Context())
		}
		<-s.Done()
		stop.Stop()
		cancel()
		reading.Wait()
		truth.mu.Lock()
		last := truth.last[s.ID()]
		for i, r := range own {
			if want := truth.emitted(s.ID(), r.kinds) - before[r.kinds]; r.received+r.missed != want {
				t.Errorf("session %d, reader %d: received %d, missed %d, emitted %d", s.ID(), i, r.received, r.missed, want)
			}
			if r.seq[s.ID()] != last[len(last)-1].Seq {
				t.Errorf("session %d, reader %d: the last event is %d", s.ID(), i, r.seq[s.ID()])
			}
		}
		if got := drain(unread); got.last.Head() != last[len(last)-1] {
			t.Errorf("session %d: the reader that was dead got %+v", s.ID(), got.last)
		}
		truth.mu.Unlock()
	}
}

// What channels miss is told to hooks, and by Lagged to their readers: the same.
func TestSubscribe_WhatIsMissedIsToldToHooks(t *testing.T) {
	bubble(t, "missed", func(t *testing.T) {
		srv := memory(t, smtptest.Config{})
		truth := &census{of: map[uint64]map[events.Kind]uint64{}, last: map[uint64][]events.Header{}}
		hub := new(events.Hub)
		c := place{options: Extended}.config(srv)
		c.Hub, c.Hooks = hub, []events.Hook{truth}
		s := newSession(t, c)
		all, cancel := hub.Subscribe(events.Filter{Buffer: 3})
		own, _ := s.Subscribe(events.Filter{Buffer: 2})
		other, _ := s.Subscribe(events.Filter{Buffer: 2, Kinds: events.MaskOf(events.KindCommand)})
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := s.Noop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Disconnect(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got tally
		read := make(chan struct{})
		go func() { got = drain(all); close(read) }()
		synctest.Wait()
		cancel()
		<-read
		a, b := drain(own), drain(other)
		if sum := got.missed + a.missed + b.missed; truth.missed != sum || b.missed != 3 || a.missed != got.missed+1 {
			t.Errorf("hooks were told %d; the hub missed %d, the channels %d and %d", truth.missed, got.missed, a.missed, b.missed)
		}
	})
}
