package events

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ehlo-go/ehlo/fsm"
)

// Feeds are for package session: the subscribers of one session, and the count of
// its events. The zero value is ready. Subscribe may be called from anywhere;
// Begin, Advance, Publish, Send and Finish belong to the session's one sender at a
// time.
type Feeds struct {
	// Hub hears too, and is set before all else; nil is none.
	Hub *Hub

	seq  uint64        // of the newest event; the sender's own
	mask atomic.Uint32 // the kinds that any feed wants

	// published is seq<<8 | state: one word, so that a subscriber reads both of
	// one moment. The store costs more than all the rest of an unheard event, so
	// it is made where the state changes and where the session comes to rest.
	published atomic.Uint64

	mu    sync.Mutex
	feeds []*feed
	ended bool // no life will come
}

// Begin is for a life that begins, and that Finish will end.
func (f *Feeds) Begin() { f.Hub.begin() }

// Advance counts an event and tells its Seq, and whether any channel wants it.
func (f *Feeds) Advance(state fsm.State, k Kind) (seq uint64, wanted bool) {
	f.seq++
	mask := Mask(f.mask.Load())
	if mask != 0 || k == KindStateChange {
		f.Publish(state)
	}
	return f.seq, (mask | f.Hub.wanted()).Has(k)
}

// Publish tells later subscribers the state and the Seq of the newest event.
func (f *Feeds) Publish(state fsm.State) { f.published.Store(f.seq<<8 | uint64(state)) }

// Position returns what was last published.
func (f *Feeds) Position() (seq uint64, state fsm.State) {
	p := f.published.Load()
	return p >> 8, fsm.State(p & 0xff)
}

// Send gives e to every channel that wants it, and returns how often it was
// missed. It never blocks.
func (f *Feeds) Send(e Event) (missed uint64) {
	f.mu.Lock()
	for _, d := range f.feeds {
		missed += d.send(e)
	}
	f.mu.Unlock()
	return missed + f.Hub.send(e)
}

// Finish counts the last event of a life, of kind k, gives it to every channel
// whatever it asked for, and closes the session's own. For each that listens it
// asks for the event. If ended, no life will come: later subscribers get the
// state and a closed channel. It returns the event's Seq and what Send would.
func (f *Feeds) Finish(state fsm.State, k Kind, ended bool, last func(seq uint64) Event) (seq, missed uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seq, _ = f.Advance(state, k)
	f.Publish(state)
	for _, d := range f.feeds {
		missed += d.finish(last(seq))
	}
	f.Hub.finish(func() Event { return last(seq) })
	f.feeds = nil
	f.ended = f.ended || ended
	f.mask.Store(0)
	return seq, missed
}

// End is for a session that closes without a life: every channel is closed
// with nothing more said.
func (f *Feeds) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.feeds {
		d.close()
	}
	f.feeds, f.ended = nil, true
	f.mask.Store(0)
}

// Subscribe returns a new channel and the function that ends it, which may be
// called any number of times, from anywhere. The header's Session, Life and
// Attempt are the caller's; Feeds fills in the rest of the first event.
func (f *Feeds) Subscribe(filter Filter, h Header) (<-chan Event, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		d := newFeed(filter, f.first(h))
		d.close()
		return d.ch, func() {}
	}
	// The mask first, then the position: an event counted in between is in the
	// position, or sent to the feed, or, being unpublished when the mask was
	// empty, in the gap that the feed sees. If it is in two, the feed drops it.
	filter = filter.or(DefaultBuffer)
	f.mask.Store(f.mask.Load() | uint32(filter.Kinds))
	d := newFeed(filter, f.first(h))
	f.feeds = append(f.feeds, d)
	return d.ch, func() { f.cancel(d) }
}

func (f *Feeds) first(h Header) OnStateChange {
	h.Seq, h.State = f.Position()
	h.Time = time.Now()
	return OnStateChange{Header: h, From: h.State, To: h.State}
}

func (f *Feeds) cancel(d *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d.close()
	f.feeds = slices.DeleteFunc(f.feeds, func(other *feed) bool { return other == d })
	var mask Mask
	for _, other := range f.feeds {
		mask |= other.kinds
	}
	f.mask.Store(uint32(mask))
}
