package events

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ehlo-go/ehlo/fsm"
)

// member plays a session of a hub.
type member struct {
	Feeds
	id, life uint64
}

func (m *member) begin() {
	m.life++
	m.Begin()
}

// emit sends a command's event and returns how often it was missed.
func (m *member) emit() (missed uint64) {
	if seq, wanted := m.Advance(fsm.Ready, KindCommand); wanted {
		missed = m.Send(OnCommand{Header: m.header(seq)})
	}
	return missed
}

func (m *member) finish() {
	m.Finish(fsm.Closed, KindDisconnect, false, func(seq uint64) Event { return OnDisconnect{Header: m.header(seq)} })
}

func (m *member) header(seq uint64) Header { return Header{Session: m.id, Life: m.life, Seq: seq} }

func members(h *Hub, n int) []*member {
	all := make([]*member, n)
	for i := range all {
		all[i] = &member{Feeds: Feeds{Hub: h}, id: uint64(i + 1)}
	}
	return all
}

// there reads what is in a channel now.
func there(ch <-chan Event) (got []string) {
	for {
		select {
		case e, ok := <-ch:
			if !ok {
				return append(got, "closed")
			}
			got = append(got, say(e))
		default:
			return got
		}
	}
}

func say(e Event) string {
	h := e.Head()
	if l, ok := e.(Lagged); ok {
		return fmt.Sprintf("missed %d of %d", l.Missed, h.Session)
	}
	return fmt.Sprintf("%d.%d %v %d", h.Session, h.Life, e.Kind(), h.Seq)
}

// A channel holds its buffer; what does not fit is announced where it is missing;
// the end of every life waits for the reader, in order.
func TestHub_ASlowReaderMissesButNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		ch, cancel := h.Subscribe(Filter{Buffer: 2})
		defer cancel()
		all := members(&h, 3)
		for _, m := range all {
			m.begin()
		}
		a, b, c := all[0], all[1], all[2]
		var missed []uint64
		for _, m := range []*member{a, b, a, b} {
			missed = append(missed, m.emit())
		}
		if !slices.Equal(missed, []uint64{0, 0, 1, 1}) {
			t.Errorf("missed %v", missed)
		}
		a.finish()
		if c.emit() != 1 { // behind an end that waits nothing has a place
			t.Error("not missed")
		}
		b.finish()
		a.begin()
		c.emit()
		c.finish()
		a.finish()
		synctest.Wait()
		var got []string
		for range 9 {
			got = append(got, say(<-ch))
			synctest.Wait()
		}
		want := []string{"1.1 OnCommand 1", "2.1 OnCommand 1", "missed 2 of 0", "1.1 OnDisconnect 3", "missed 1 of 0", "2.1 OnDisconnect 3",
			"missed 1 of 0", "3.1 OnDisconnect 3", "1.2 OnDisconnect 4"}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if more := there(ch); more != nil {
			t.Errorf("and %q", more)
		}
		// The reader is back: all is as at first.
		b.begin()
		b.emit()
		b.finish()
		if got, want := there(ch), []string{"2.2 OnCommand 4", "2.2 OnDisconnect 5"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// What was missed is announced with the next event that fits, also into the
// smallest buffer; the ends come whatever was asked for.
func TestHub_Filter(t *testing.T) {
	var h Hub
	m := members(&h, 1)[0]
	if h.wanted() != 0 {
		t.Error("wanted by nobody")
	}
	one, cancel := h.Subscribe(Filter{Buffer: 1})
	_, cancelOther := h.Subscribe(Filter{Kinds: MaskOf(KindMessage)})
	ends, cancelEnds := h.Subscribe(Filter{Kinds: MaskOf(KindTimeout)})
	m.begin()
	m.emit()
	m.emit()
	if got := there(one); !slices.Equal(got, []string{"1.1 OnCommand 1"}) {
		t.Errorf("%q", got)
	}
	m.emit()
	m.emit()
	if got := there(one); !slices.Equal(got, []string{"missed 1 of 0", "1.1 OnCommand 3"}) {
		t.Errorf("%q", got)
	}
	m.finish()
	if got := there(one); !slices.Equal(got, []string{"missed 1 of 0", "1.1 OnDisconnect 5"}) {
		t.Errorf("%q", got)
	}
	if got := there(ends); !slices.Equal(got, []string{"1.1 OnDisconnect 5"}) {
		t.Errorf("%q", got)
	}
	cancel()
	if w := h.wanted(); w != MaskOf(KindMessage, KindTimeout) {
		t.Errorf("wanted %b", w)
	}
	cancelOther()
	cancelEnds()
	if h.wanted() != 0 {
		t.Errorf("wanted %b by nobody", h.wanted())
	}
	if n := m.emit(); n != 0 {
		t.Errorf("missed %d by nobody", n)
	}
}

// A channel is closed when cancel returns, also while ends wait for a reader that
// there is not, and from the reader itself.
func TestHub_Cancel(t *testing.T) {
	var h Hub
	all := members(&h, 10)
	ch, cancel := h.Subscribe(Filter{Buffer: 1})
	for _, m := range all {
		m.begin()
		m.finish()
	}
	cancel()
	cancel()
	for range ch { // it is closed: this ends
	}

	ch, cancel = h.Subscribe(Filter{Buffer: 1})
	for _, m := range all {
		m.begin()
		m.finish()
	}
	n := 0
	for range ch {
		if n++; n == 5 {
			cancel()
		}
	}
	if n < 5 || n > 8 {
		t.Errorf("%d events", n)
	}
	var idle sync.WaitGroup
	_, cancel = h.Subscribe(Filter{})
	for range 8 {
		idle.Go(cancel)
	}
	idle.Wait()
}

// What had no place at a cancel is in the closing Lagged: nothing goes uncounted.
func TestHub_CancelCountsWhatHadNoPlace(t *testing.T) {
	for buffer := 1; buffer <= 12; buffer++ {
		for unread := range 4 {
			synctest.Test(t, func(t *testing.T) {
				var h Hub
				all := members(&h, 5)
				ch, cancel := h.Subscribe(Filter{Buffer: buffer})
				for _, m := range all {
					m.begin()
					m.emit()
				}
				for _, m := range all[unread:] {
					m.finish()
					m.begin()
					m.emit()
				}
				synctest.Wait() // serve has filled the channel
				cancel()
				var received, missed, emitted uint64
				var got []string
				for e := range ch {
					got = append(got, say(e))
					if l, ok := e.(Lagged); ok {
						missed += l.Missed
					} else {
						received++
					}
				}
				for _, m := range all {
					emitted += m.seq
				}
				if received+missed != emitted {
					t.Errorf("buffer %d: received %d, missed %d, emitted %d: %q", buffer, received, missed, emitted, got)
				}
			})
		}
	}
}

// After Close readers get all that was sent and then the end of the channel; what
// sessions send after it nobody gets.
func TestHub_Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		all := members(&h, 5)
		slow, cancelSlow := h.Subscribe(Filter{Buffer: 1})
		idle, cancelIdle := h.Subscribe(Filter{Buffer: 3})
		_, cancelDead := h.Subscribe(Filter{Buffer: 1})
		for _, m := range all {
			m.begin()
			m.finish()
		}
		all[0].begin()
		all[0].emit()
		h.Close()
		h.Close()
		if n := all[0].emit(); n != 0 || h.wanted() != 0 {
			t.Errorf("missed %d after Close, wanted %b", n, h.wanted())
		}
		all[0].finish()
		cancelDead() // its goroutine ends
		var got []string
		for e := range slow {
			synctest.Wait()
			got = append(got, say(e))
		}
		want := []string{"1.1 OnDisconnect 1", "2.1 OnDisconnect 1", "3.1 OnDisconnect 1", "4.1 OnDisconnect 1", "5.1 OnDisconnect 1", "missed 1 of 0"}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		cancelSlow()
		cancelIdle() // while ends wait for it
		n := 0
		for range idle {
			n++
		}
		if n != 4 {
			t.Errorf("%d events", n)
		}
		after, cancel := h.Subscribe(Filter{})
		cancel()
		if _, open := <-after; open {
			t.Error("a channel after Close")
		}
	})
}

// To queue the end of a life takes no memory, however many wait, for subscribers
// that came in the middle of it too.
func TestHub_TheEndOfALifeNeedsNoAllocation(t *testing.T) {
	const lives = 1000
	var h Hub
	_, cancel := h.Subscribe(Filter{Buffer: 1})
	defer cancel()
	all := members(&h, 2*lives)
	for _, m := range all {
		m.begin()
	}
	_, late := h.Subscribe(Filter{Buffer: 1})
	defer late()
	last := func() Event { return nil }
	if n := testing.AllocsPerRun(lives, func() { h.finish(last) }); n != 0 {
		t.Errorf("%v allocations for the end of a life", n)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.feeds {
		if d.late.n < lives-2 {
			t.Errorf("only %d wait", d.late.n)
		}
	}
}

// The places for the ends are as many as lives, and are given back after a time
// in which nobody read.
func TestHub_TheRoomIsThatOfTheLivesThereAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		ch, cancel := h.Subscribe(Filter{Buffer: 1})
		defer cancel()
		m := members(&h, 1)[0]
		for range 5000 {
			m.begin()
			m.finish()
		}
		d := h.feeds[0]
		if len(d.late.ring) < 4998 {
			t.Errorf("%d places", len(d.late.ring))
		}
		for range 5000 {
			<-ch
		}
		synctest.Wait()
		if len(d.late.ring) != 0 || d.late.n != 0 {
			t.Errorf("%d places for %d", len(d.late.ring), d.late.n)
		}
		for range 5000 {
			m.begin()
			m.finish()
			<-ch
		}
		if len(d.late.ring) > 1 {
			t.Errorf("%d places for one life at a time", len(d.late.ring))
		}
	})
}

// Whatever lives and readers do: each session's events come in order, the missed
// ones are counted, the last event of each life comes.
func TestHub_RandomLivesAndReaders(t *testing.T) {
	seed := seedOf(t)
	for run := range uint64(30) {
		synctest.Test(t, func(t *testing.T) { randomHub(t, seed, run) })
	}
}

// seedOf returns what a test takes its chances by: EHLO_SEED if that is set, to play
// once more what has failed.
func seedOf(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("EHLO_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("EHLO_SEED: %v: want the number that a test has logged", err)
		}
	}
	t.Logf("EHLO_SEED=%d plays it again", seed)
	return seed
}

func randomHub(t *testing.T, seed, run uint64) {
	rng := rand.New(rand.NewPCG(seed, run))
	toTheEnd := run%2 == 0 // else the readers are cancelled, with what is late
	var h Hub
	all := members(&h, 50)
	var readers, lives sync.WaitGroup
	check := make([]func(), 4)
	stops := make([]func(), len(check))
	for i := range check {
		buffer, pause := 1+rng.IntN(8), rng.IntN(3)
		ch, cancel := h.Subscribe(Filter{Buffer: buffer})
		stops[i] = cancel
		var received, missed uint64
		last, ends := map[uint64]uint64{}, map[uint64]uint64{}
		readers.Go(func() {
			for e := range ch {
				for range pause { // slow, without the clock
					_ = slices.Sorted(slices.Values([]int{3, 1, 2}))
				}
				if l, ok := e.(Lagged); ok {
					missed += l.Missed
					continue
				}
				received++
				head := e.Head()
				if head.Seq <= last[head.Session] {
					t.Errorf("session %d: event %d after %d", head.Session, head.Seq, last[head.Session])
				}
				last[head.Session] = head.Seq
				if e.Kind() == KindDisconnect {
					if ends[head.Session]++; toTheEnd && ends[head.Session] != head.Life {
						t.Errorf("session %d: the end of life %d is the %d. to come", head.Session, head.Life, ends[head.Session])
					}
				}
			}
		})
		check[i] = func() {
			var emitted uint64
			for _, m := range all {
				seq, _ := m.Position()
				emitted += seq
				if toTheEnd && ends[m.id] != m.life {
					t.Errorf("session %d: %d ends of %d lives", m.id, ends[m.id], m.life)
				}
			}
			if received+missed != emitted {
				t.Errorf("buffer %d: received %d, missed %d, emitted %d", buffer, received, missed, emitted)
			}
		}
	}
	for _, m := range all {
		rng := rand.New(rand.NewPCG(seed, run<<32+m.id))
		lives.Go(func() {
			for range 1 + rng.IntN(4) {
				m.begin()
				for range rng.IntN(20) {
					m.emit()
				}
				m.finish()
			}
		})
	}
	comers := make(chan struct{})
	var coming sync.WaitGroup
	coming.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-comers:
				return
			default:
			}
			ch, cancel := h.Subscribe(Filter{Buffer: 1 + n%3, Kinds: MaskOf(KindCommand)})
			for range n % 4 {
				select {
				case <-ch:
				default:
				}
			}
			cancel()
		}
	})
	lives.Wait()
	close(comers)
	coming.Wait()
	if toTheEnd {
		h.Close()
		readers.Wait()
	}
	for _, stop := range stops {
		stop()
	}
	readers.Wait()
	for _, c := range check {
		c()
	}
}

func BenchmarkHub(b *testing.B) {
	var h Hub
	ch, cancel := h.Subscribe(Filter{})
	defer cancel()
	m := members(&h, 1)[0]
	b.ReportAllocs()
	for b.Loop() {
		m.emit()
		<-ch
	}
}
