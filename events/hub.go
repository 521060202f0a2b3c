package events

import (
	"slices"
	"sync"
	"sync/atomic"
)

// DefaultHubBuffer is the room of a [Hub]'s channel whose Filter names none.
const DefaultHubBuffer = 1024

// Hub fans the events of very many sessions into one channel, or a few. The
// zero value is ready; give one to the Config of every session that it is to
// hear. All its methods may be called from anywhere, at any time, from callbacks
// too.
//
// The promises are those of a session's own channel. A session never waits. The
// events of one session come in their order; those of different sessions in the
// order in which they were sent. What does not fit into the buffer is counted and
// announced, before the next event that fits, by a [Lagged] that speaks of all
// sessions: its header has a time and nothing else. For every channel, received +
// missed = emitted of the kinds asked for, and the last event of every life comes,
// whatever the filter asks for, in a place that was kept for it since the life
// began.
//
// So a channel holds Buffer events and the last events that are not read yet, one
// for each life that has ended meanwhile. An event may hold a reply of the server's
// of up to 64 KiB. A reader that stops must cancel; a goroutine serves the channel
// until then, or until all is read after Close.
type Hub struct {
	mask atomic.Uint32 // the kinds that any channel wants

	mu     sync.Mutex
	lives  int // begun and not ended
	feeds  []*hubFeed
	closed bool
}

// Subscribe returns a new channel, and the function that ends it, which may be
// called any number of times. The channel begins with what happens next, in lives
// that began before too: there is no first state.
//
// When the function returns the channel is closed. What is in it can still be read;
// what had no place there, last events too, is in a closing Lagged. To have
// everything, use [Hub.Close].
func (h *Hub) Subscribe(f Filter) (<-chan Event, func()) {
	d := newHubFeed(h, f)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(d.ch)
		return d.ch, func() {}
	}
	d.late.reserve(h.lives)
	h.feeds = append(h.feeds, d)
	h.mask.Store(h.mask.Load() | uint32(d.kinds))
	go d.serve()
	return d.ch, d.cancel
}

// Close takes no event any more, and closes each channel behind what it holds:
// those who read to the end have all that was sent. It does not wait for them. Call
// it when the sessions are closed and Done; another Close does nothing.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.feeds {
		d.ending = true
		d.rouse()
	}
	h.feeds, h.closed = nil, true
	h.mask.Store(0)
}

// leave takes a channel out of those that hear.
func (h *Hub) leave(d *hubFeed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.feeds = slices.DeleteFunc(h.feeds, func(other *hubFeed) bool { return other == d })
	var mask Mask
	for _, other := range h.feeds {
		mask |= other.kinds
	}
	h.mask.Store(uint32(mask))
}

// wanted returns the kinds that any channel wants. There may be no hub.
func (h *Hub) wanted() Mask {
	if h == nil {
		return 0
	}
	return Mask(h.mask.Load())
}

// begin keeps a place for the last event of a life that begins.
func (h *Hub) begin() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lives++
	for _, d := range h.feeds {
		d.late.reserve(h.lives)
	}
}

// send gives e to every channel that wants it, and returns how many missed it.
func (h *Hub) send(e Event) (missed uint64) {
	if !h.wanted().Has(e.Kind()) {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.feeds {
		missed += d.send(e)
	}
	return missed
}

// finish gives the last event of a life to every channel. The event is made only
// if there is one.
func (h *Hub) finish(last func() Event) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lives--
	for _, d := range h.feeds {
		d.finish(last())
	}
}
