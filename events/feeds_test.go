package events

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/ehlo-go/ehlo/fsm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sender plays a session: it counts events and sends those that are wanted.
type sender struct {
	Feeds
	begun, sent [kinds]atomic.Uint64 // events by kind, before and after each was sent
}

func (s *sender) emit(k Kind) {
	s.begun[k].Add(1)
	if seq, wanted := s.Advance(fsm.Ready, k); wanted {
		s.Send(event(k, seq))
	}
	s.sent[k].Add(1)
}

func (s *sender) finish(ended bool) {
	s.begun[KindDisconnect].Add(1)
	s.Finish(fsm.Closed, KindDisconnect, ended, func(seq uint64) Event { return event(KindDisconnect, seq) })
	s.sent[KindDisconnect].Add(1)
}

// event returns an event of kind k.
func event(k Kind, seq uint64) Event {
	h := Header{Session: 7, Life: 1, Seq: seq, State: fsm.Ready}
	switch k {
	case KindStateChange:
		return OnStateChange{Header: h}
	case KindResolve:
		return OnResolve{Header: h}
	case KindDial:
		return OnDial{Header: h}
	case KindGreeting:
		return OnGreeting{Header: h}
	case KindHello:
		return OnHello{Header: h}
	case KindSecure:
		return OnSecure{Header: h}
	case KindConnect:
		return OnConnect{Header: h}
	case KindCommand:
		return OnCommand{Header: h}
	case KindAuthenticate:
		return OnAuthenticate{Header: h}
	case KindRecipient:
		return OnRecipient{Header: h}
	case KindProgress:
		return OnProgress{Header: h}
	case KindMessage:
		return OnMessage{Header: h}
	case KindRetry:
		return OnRetry{Header: h}
	case KindTimeout:
		return OnTimeout{Header: h}
	case KindCancel:
		return OnCancel{Header: h}
	case KindError:
		return OnError{Header: h}
	case KindDisconnect:
		return OnDisconnect{Header: h}
	case KindLagged:
		return Lagged{Header: h}
	case kinds:
	}
	panic(fmt.Sprintf("no event of kind %d: add it here", k))
}

// script writes what a channel holds: the kind and Seq of each event, and
// "Lagged" with the number missed.
func script(ch <-chan Event) (got []string, closed bool) {
	for {
		select {
		case e, ok := <-ch:
			if !ok {
				return got, true
			}
			if l, ok := e.(Lagged); ok {
				got = append(got, fmt.Sprintf("Lagged(%d) to %d", l.Missed, l.Seq))
			} else {
				got = append(got, fmt.Sprintf("%v %d", e.Kind(), e.Head().Seq))
			}
		default:
			return got, false
		}
	}
}

func expect(t *testing.T, ch <-chan Event, closed bool, want ...string) {
	t.Helper()
	got, ended := script(ch)
	if !slices.Equal(got, want) || ended != closed {
		t.Fatalf("\n got %q, closed %v\nwant %q, closed %v", got, ended, want, closed)
	}
}

func TestFeeds_FirstEventIsTheStateOfThatMoment(t *testing.T) {
	var s sender
	s.emit(KindStateChange)
	s.emit(KindStateChange)
	s.Publish(fsm.Greeting)
	ch, stop := s.Subscribe(Filter{}, Header{Session: 3, Life: 2, Attempt: 4})
	defer stop()
	first, ok := (<-ch).(OnStateChange)
	h := first.Header
	if !ok || first.From != fsm.Greeting || first.To != fsm.Greeting || h.State != fsm.Greeting || h.Seq != 2 ||
		h.Session != 3 || h.Life != 2 || h.Attempt != 4 || h.Time.IsZero() {
		t.Errorf("%+v", first)
	}
	if seq, state := s.Position(); seq != 2 || state != fsm.Greeting {
		t.Errorf("Position() = %d, %v", seq, state)
	}
}

func TestFeeds_BufferAndTwoReservedPlaces(t *testing.T) {
	for _, buffer := range []int{1, 2, 5, 0, -1} {
		room := buffer
		if buffer <= 0 {
			room = 64
		}
		for _, over := range []int{0, 1, 100} {
			t.Run(fmt.Sprintf("buffer %d, %d over", buffer, over), func(t *testing.T) {
				var s sender
				ch, stop := s.Subscribe(Filter{Buffer: buffer}, Header{})
				defer stop()
				want := []string{"OnStateChange 0"}
				for i := range room + over {
					s.emit(KindCommand)
					if i < room {
						want = append(want, fmt.Sprintf("OnCommand %d", i+1))
					}
				}
				s.finish(false)
				if over > 0 {
					want = append(want, fmt.Sprintf("Lagged(%d) to %d", over, room+over))
				}
				want = append(want, fmt.Sprintf("OnDisconnect %d", room+over+1))
				expect(t, ch, true, want...)
			})
		}
	}
}

func TestFeeds_LaggedComesBeforeTheNextEventThatFits(t *testing.T) {
	var s sender
	ch, stop := s.Subscribe(Filter{Buffer: 2}, Header{})
	defer stop()
	for range 5 {
		s.emit(KindCommand)
	}
	expect(t, ch, false, "OnStateChange 0", "OnCommand 1", "OnCommand 2")
	s.emit(KindCommand)
	expect(t, ch, false, "Lagged(3) to 5", "OnCommand 6")
	s.emit(KindCommand) // announced once
	expect(t, ch, false, "OnCommand 7")

	// An announcement alone does not take the last place: it would say nothing.
	for range 4 {
		s.emit(KindCommand)
	}
	expect(t, take(t, ch, 1), false, "OnCommand 8")
	s.emit(KindCommand)
	expect(t, take(t, ch, 1), false, "OnCommand 9")
	s.emit(KindCommand)
	s.emit(KindCommand)
	s.finish(false)
	expect(t, ch, true, "OnCommand 10", "Lagged(2) to 12", "OnCommand 13", "Lagged(1) to 14", "OnDisconnect 15")
}

// take moves n waiting events into a channel of their own.
func take(t *testing.T, ch <-chan Event, n int) <-chan Event {
	t.Helper()
	taken := make(chan Event, n)
	for range n {
		select {
		case e := <-ch:
			taken <- e
		default:
			t.Fatal("nothing waits")
		}
	}
	return taken
}

func TestFeeds_MaskCountsOnlyWhatWasAskedFor(t *testing.T) {
	var s sender
	ch, stop := s.Subscribe(Filter{Buffer: 1, Kinds: MaskOf(KindRetry)}, Header{})
	defer stop()
	all, stopAll := s.Subscribe(Filter{}, Header{}) // so that every event is sent
	defer stopAll()
	for range 3 {
		s.emit(KindCommand)
		s.emit(KindRetry)
	}
	s.emit(KindCommand)
	s.finish(false)
	expect(t, ch, true, "OnStateChange 0", "OnRetry 2", "Lagged(2) to 6", "OnDisconnect 8")
	expect(t, all, true, "OnStateChange 0", "OnCommand 1", "OnRetry 2", "OnCommand 3", "OnRetry 4", "OnCommand 5", "OnRetry 6", "OnCommand 7", "OnDisconnect 8")
}

func TestFeeds_MaskAloneMissesNothingItDidNotAskFor(t *testing.T) {
	var s sender
	s.emit(KindCommand)
	ch, stop := s.Subscribe(Filter{Kinds: MaskOf(KindRetry)}, Header{})
	defer stop()
	s.emit(KindCommand)
	s.emit(KindRetry)
	s.emit(KindCommand)
	s.finish(false)
	expect(t, ch, true, "OnStateChange 0", "OnRetry 3", "OnDisconnect 5")
}

func TestFeeds_LastEventArrivesWhateverTheMask(t *testing.T) {
	for _, k := range Kinds() {
		var s sender
		ch, stop := s.Subscribe(Filter{Kinds: MaskOf(k)}, Header{})
		defer stop()
		s.emit(KindStateChange)
		s.Finish(fsm.Closed, KindError, false, func(seq uint64) Event { return OnError{Header: Header{Seq: seq}, Final: true} })
		got, closed := script(ch)
		if !closed || len(got) == 0 || got[len(got)-1] != "OnError 2" {
			t.Errorf("%v: %q, closed %v", k, got, closed)
		}
	}
}

func TestFeeds_WantedIsWhatAnySubscriberAskedFor(t *testing.T) {
	var f Feeds
	wanted := func() (got []Kind) {
		for _, k := range Kinds() {
			if _, ok := f.Advance(fsm.Ready, k); ok {
				got = append(got, k)
			}
		}
		return got
	}
	check := func(when string, want ...Kind) {
		t.Helper()
		if got := wanted(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	check("nobody")
	_, stopRetry := f.Subscribe(Filter{Kinds: MaskOf(KindRetry, KindError)}, Header{})
	check("one", KindRetry, KindError)
	_, stopDial := f.Subscribe(Filter{Kinds: MaskOf(KindDial, KindError)}, Header{})
	check("two", KindDial, KindRetry, KindError)
	stopRetry()
	check("one cancelled", KindDial, KindError)
	_, stopAll := f.Subscribe(Filter{}, Header{})
	check("all", Kinds()...)
	stopAll()
	stopDial()
	check("all cancelled")
	_, stop := f.Subscribe(Filter{}, Header{})
	f.Finish(fsm.Closed, KindError, false, func(seq uint64) Event { return OnError{Header: Header{Seq: seq}} })
	check("life over")
	stop()
	_, stop = f.Subscribe(Filter{}, Header{})
	f.End()
	check("session over")
	stop()
}

func TestFeeds_EachSubscriberHasItsOwnChannel(t *testing.T) {
	var s sender
	dead, stopDead := s.Subscribe(Filter{Buffer: 1}, Header{})
	defer stopDead()
	ch, stop := s.Subscribe(Filter{Buffer: 10}, Header{})
	defer stop()
	for range 5 {
		s.emit(KindCommand)
	}
	expect(t, ch, false, "OnStateChange 0", "OnCommand 1", "OnCommand 2", "OnCommand 3", "OnCommand 4", "OnCommand 5")
	s.finish(false)
	expect(t, ch, true, "OnDisconnect 6")
	expect(t, dead, true, "OnStateChange 0", "OnCommand 1", "Lagged(4) to 5", "OnDisconnect 6")
}

func TestFeeds_H23_CancelTwiceFromAnywhere(t *testing.T) {
	var s sender
	ch, stop := s.Subscribe(Filter{}, Header{})
	other, stopOther := s.Subscribe(Filter{}, Header{})
	defer stopOther()
	s.emit(KindCommand)
	stop()
	stop()
	s.emit(KindCommand)
	expect(t, ch, true, "OnStateChange 0", "OnCommand 1")
	s.finish(true)
	stop()
	stopOther()
	stopOther()
	expect(t, other, true, "OnStateChange 0", "OnCommand 1", "OnCommand 2", "OnDisconnect 3")
}

func TestFeeds_CancelOfAnEarlierLifeLeavesTheNextAlone(t *testing.T) {
	var s sender
	_, stop := s.Subscribe(Filter{}, Header{})
	s.finish(false)
	ch, stopNext := s.Subscribe(Filter{}, Header{})
	defer stopNext()
	stop()
	s.emit(KindCommand)
	expect(t, ch, false, "OnStateChange 1", "OnCommand 2")
}

func TestFeeds_BetweenLivesTheChannelIsForTheNext(t *testing.T) {
	var s sender
	s.emit(KindCommand)
	s.finish(false)
	ch, stop := s.Subscribe(Filter{}, Header{})
	defer stop()
	expect(t, ch, false, "OnStateChange 2")
	s.emit(KindStateChange)
	s.finish(false)
	expect(t, ch, true, "OnStateChange 3", "OnDisconnect 4")
}

func TestFeeds_SubscribeAfterTheEndIsTheStateAndAClosedChannel(t *testing.T) {
	ends := map[string]func(*sender){
		"a last life":          func(s *sender) { s.finish(true) },
		"no life":              func(s *sender) { s.Publish(fsm.Closed); s.End() },
		"both":                 func(s *sender) { s.finish(true); s.End() },
		"none, then a life's":  func(s *sender) { s.End(); s.finish(false) },
		"a life after another": func(s *sender) { s.finish(false); s.finish(true) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			var s sender
			before, stopBefore := s.Subscribe(Filter{Buffer: 3}, Header{})
			end(&s)
			stopBefore()
			if _, closed := script(before); !closed {
				t.Error("the channel of before is open")
			}
			for _, f := range []Filter{{}, {Buffer: 1, Kinds: MaskOf(KindRetry)}} {
				ch, stop := s.Subscribe(f, Header{Session: 9})
				first, ok := (<-ch).(OnStateChange)
				if seq, _ := s.Position(); !ok || first.From != fsm.Closed || first.To != fsm.Closed || first.Session != 9 || first.Seq != seq {
					t.Errorf("%+v", first)
				}
				if e, ok := <-ch; ok {
					t.Errorf("then %+v", e)
				}
				stop()
				stop()
			}
		})
	}
}

func TestFeeds_FinishTellsTheSeqOfTheLastEvent(t *testing.T) {
	var f Feeds
	for _, listens := range []bool{false, true} {
		if listens {
			_, stop := f.Subscribe(Filter{}, Header{})
			defer stop()
		}
		before, _ := f.Advance(fsm.Ready, KindCommand)
		made := before + 1
		got, _ := f.Finish(fsm.Closed, KindError, false, func(seq uint64) Event { made = seq; return OnError{Header: Header{Seq: seq}} })
		if got != before+1 || made != got {
			t.Errorf("someone listens %v: after %d Finish returns %d, the event has %d", listens, before, got, made)
		}
	}
}

func TestFeeds_EndSaysNothingMore(t *testing.T) {
	var s sender
	ch, stop := s.Subscribe(Filter{}, Header{})
	defer stop()
	s.End()
	s.End()
	expect(t, ch, true, "OnStateChange 0")
}

func TestFeeds_LastEventIsMadeOnlyForListeners(t *testing.T) {
	var f Feeds
	f.Finish(fsm.Closed, KindDisconnect, false, func(uint64) Event { t.Error("made for nobody"); return nil })
	if seq, state := f.Position(); seq != 1 || state != fsm.Closed {
		t.Errorf("Position() = %d, %v", seq, state)
	}
}

// An event that was counted while nobody listened is either in the position
// that a new subscriber is told, or missed: never gone.
func TestFeeds_EventsUnderwayAtSubscribeAreAccountedFor(t *testing.T) {
	t.Run("counted unheard, not published", func(t *testing.T) {
		var s sender
		s.emit(KindStateChange)
		s.emit(KindCommand)
		s.emit(KindCommand)
		ch, stop := s.Subscribe(Filter{}, Header{})
		defer stop()
		s.emit(KindCommand)
		s.finish(false)
		expect(t, ch, true, "OnStateChange 1", "Lagged(2) to 3", "OnCommand 4", "OnDisconnect 5")
	})
	t.Run("the last event tells of them too", func(t *testing.T) {
		var s sender
		s.emit(KindCommand)
		ch, stop := s.Subscribe(Filter{}, Header{})
		defer stop()
		s.finish(false)
		expect(t, ch, true, "OnStateChange 0", "Lagged(1) to 1", "OnDisconnect 2")
	})
	t.Run("counted and published, then sent", func(t *testing.T) {
		var s sender
		_, stopOther := s.Subscribe(Filter{}, Header{})
		defer stopOther()
		seq, wanted := s.Advance(fsm.Ready, KindCommand)
		if !wanted {
			t.Fatal("not wanted")
		}
		ch, stop := s.Subscribe(Filter{}, Header{}) // in between
		defer stop()
		s.Send(event(KindCommand, seq))
		s.emit(KindCommand)
		expect(t, ch, false, "OnStateChange 1", "OnCommand 2")
	})
}

// tally checks one channel as it is read.
type tally struct {
	first            Header
	seq              uint64 // of the newest event known
	received, missed uint64 // of the kinds asked for
	last             Event
	err              error
}

// add takes one event. Of a feed of all kinds every step must be accounted for.
func (y *tally) add(e Event, mask Mask) {
	h := e.Head()
	switch {
	case y.last == nil:
		first, ok := e.(OnStateChange)
		if !ok || first.From != first.To {
			y.err = fmt.Errorf("begins with %+v", e)
		}
		y.first, y.seq = h, h.Seq
	case e.Kind() == KindLagged:
		l := e.(Lagged)
		y.missed += l.Missed
		if l.Missed == 0 || mask == All && h.Seq != y.seq+l.Missed || h.Seq <= y.seq {
			y.err = fmt.Errorf("after %d: %+v", y.seq, l)
		}
		y.seq = h.Seq
	default:
		if mask == All && h.Seq != y.seq+1 || h.Seq <= y.seq {
			y.err = fmt.Errorf("after %d: %+v", y.seq, e)
		}
		y.seq = h.Seq
		if mask.Has(e.Kind()) {
			y.received++
		} else if e.Kind() != KindDisconnect {
			y.err = fmt.Errorf("not asked for: %+v", e)
		}
	}
	y.last = e
}

// One sender, many subscribers: slow, dead, cancelling from anywhere,
// subscribing late. The sender is never held up, and for each of them
// received + missed = emitted.
func TestFeeds_H23_ReceivedAndMissedAreWhatWasEmitted(t *testing.T) {
	const rounds, subscribers, events = 20, 24, 2000
	for round := range rounds {
		var s sender
		emitted := make(chan struct{})
		var wg sync.WaitGroup
		var finalSeq uint64
		for i := range subscribers {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			mask := All
			if i%3 == 1 {
				mask = MaskOf(KindCommand, KindTimeout)
			} else if i%3 == 2 {
				mask = MaskOf(KindRetry, KindDisconnect)
			}
			late := i%4 == 3
			subscribe := func() (listen func()) {
				sum := func(counts *[kinds]atomic.Uint64) (n uint64) {
					for _, k := range Kinds() {
						if mask.Has(k) {
							n += counts[k].Load()
						}
					}
					return n
				}
				sentBefore := sum(&s.sent)
				ch, stop := s.Subscribe(Filter{Buffer: 1 + rng.IntN(40), Kinds: mask}, Header{Session: uint64(i)})
				begunAfter := sum(&s.begun)
				var y tally
				return func() {
					defer wg.Done()
					defer stop()
					cancelled := false
					switch i % 5 {
					case 0: // dead until all is over
						<-emitted
					case 1: // cancels, here or from a goroutine of its own
						for range rng.IntN(events / 4) {
							if e, ok := <-ch; ok {
								y.add(e, mask)
							}
						}
						cancelled = true
						wg.Go(stop)
						stop()
					}
					for e := range ch {
						y.add(e, mask)
						if i%5 == 2 { // slow
							for range rng.IntN(20) {
								runtime.Gosched()
							}
						}
					}
					<-emitted
					total := sum(&s.begun)
					switch {
					case y.err != nil:
						t.Errorf("subscriber %d: %v", i, y.err)
					case cancelled:
						if y.received+y.missed > total-sentBefore {
							t.Errorf("subscriber %d cancelled: %d received, %d missed of %d", i, y.received, y.missed, total)
						}
					case y.last == nil || y.last.Kind() != KindDisconnect && y.seq != y.first.Seq || y.last.Head().Seq != finalSeq:
						t.Errorf("subscriber %d: the last event is %+v, Seq %d", i, y.last, finalSeq)
					case mask == All:
						if got, want := y.received+y.missed, finalSeq-y.first.Seq; got != want {
							t.Errorf("subscriber %d: %d received + %d missed, emitted %d", i, y.received, y.missed, want)
						}
					default:
						// Exact for those that came before the first event; of one that comes
						// late, an event underway at that moment may be on either side.
						if got := y.received + y.missed; got < total-begunAfter || got > total-sentBefore {
							t.Errorf("subscriber %d: %d received + %d missed, emitted %d to %d", i, y.received, y.missed, total-begunAfter, total-sentBefore)
						}
						if !late && begunAfter != sentBefore {
							t.Errorf("subscriber %d: came late", i)
						}
					}
				}
			}
			wg.Add(1)
			if late {
				go func() {
					for start := uint64(rng.IntN(events / 4)); s.begun[KindCommand].Load() < start; {
						runtime.Gosched()
					}
					listen := subscribe()
					listen()
				}()
			} else {
				listen := subscribe()
				go listen()
			}
		}
		rng := rand.New(rand.NewPCG(uint64(round), 99))
		choice := []Kind{KindCommand, KindCommand, KindRetry, KindTimeout, KindStateChange, KindResolve}
		for range events {
			s.emit(choice[rng.IntN(len(choice))])
			if rng.IntN(50) == 0 {
				runtime.Gosched()
			}
		}
		s.finish(true)
		finalSeq = s.seq
		close(emitted)
		wg.Wait()
	}
}

func TestFeeds_UnheardEventsAllocateNothing(t *testing.T) {
	var s sender
	if n := testing.AllocsPerRun(1000, func() { s.emit(KindCommand); s.emit(KindStateChange) }); n != 0 {
		t.Errorf("nobody listens: %v allocations", n)
	}
	_, stop := s.Subscribe(Filter{Kinds: MaskOf(KindRetry)}, Header{})
	defer stop()
	if n := testing.AllocsPerRun(1000, func() { s.emit(KindCommand) }); n != 0 {
		t.Errorf("nobody listens to this kind: %v allocations", n)
	}
	var none Feeds
	last := func(seq uint64) Event { return OnDisconnect{Header: Header{Seq: seq}} }
	if n := testing.AllocsPerRun(1000, func() { none.Finish(fsm.Closed, KindDisconnect, false, last) }); n != 0 {
		t.Errorf("the end of an unheard life: %v allocations", n)
	}
}

func TestFeeds_OneAllocationAnEventForAllSubscribers(t *testing.T) {
	for _, subscribers := range []int{1, 5} {
		var s sender
		for range subscribers {
			ch, stop := s.Subscribe(Filter{}, Header{})
			defer stop()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range ch {
				}
			}()
			defer func() { stop(); <-done }()
		}
		if n := testing.AllocsPerRun(1000, func() { s.emit(KindCommand) }); n > 1 {
			t.Errorf("%d subscribers: %v allocations an event", subscribers, n)
		}
	}
}

func BenchmarkNobodyListens(b *testing.B) {
	var f Feeds
	b.ReportAllocs()
	for b.Loop() {
		if seq, ok := f.Advance(fsm.Ready, KindCommand); ok {
			f.Send(OnCommand{Header: Header{Seq: seq}})
		}
	}
}

func BenchmarkOneSubscriber(b *testing.B) {
	var f Feeds
	ch, stop := f.Subscribe(Filter{}, Header{})
	defer stop()
	<-ch
	b.ReportAllocs()
	for b.Loop() {
		if seq, ok := f.Advance(fsm.Ready, KindCommand); ok {
			f.Send(OnCommand{Header: Header{Seq: seq}})
		}
		<-ch
	}
}

// A channel that is cancelled says what it missed, and so does one whose session
// ends without a life.
func TestFeeds_AnEndBeforeTheLastEventTellsWhatWasMissed(t *testing.T) {
	for _, end := range []func(s *sender, stop func()){
		func(_ *sender, stop func()) { stop() },
		func(s *sender, _ func()) { s.End() },
	} {
		var s sender
		ch, stop := s.Subscribe(Filter{Buffer: 2}, Header{})
		for range 5 {
			s.emit(KindCommand)
		}
		end(&s, stop)
		var got []string
		for e := range ch {
			if l, ok := e.(Lagged); ok {
				got = append(got, fmt.Sprint(l.Missed, " up to ", l.Seq))
			} else {
				got = append(got, e.Kind().String())
			}
		}
		if want := []string{"OnStateChange", "OnCommand", "OnCommand", "3 up to 5"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Bits above the kinds ask for nothing: a mask of every bit is that of all kinds.
func TestFilter_BitsAboveTheKindsMeanNothing(t *testing.T) {
	for given, want := range map[Mask]Mask{0: All, ^Mask(0): All, ^All: All, MaskOf(KindDial) | ^All: MaskOf(KindDial)} {
		if got := (Filter{Kinds: given}).or(7); got.Kinds != want || got.Buffer != 7 {
			t.Errorf("%b: %b and a buffer of %d", given, got.Kinds, got.Buffer)
		}
	}
	if got := (Filter{Buffer: 3}).or(7).Buffer; got != 3 {
		t.Errorf("a buffer of %d", got)
	}
}
