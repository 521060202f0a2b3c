package events

import (
	"time"
)

// DefaultBuffer is the room of a channel whose Filter names none.
const DefaultBuffer = 64

// Filter says what a subscriber of a session or of a [Hub] wants. The zero value
// is every kind and a buffer of [DefaultBuffer] events, of a hub
// [DefaultHubBuffer].
type Filter struct {
	Buffer int  // events held for a slow reader; 0 or less: the default
	Kinds  Mask // 0: all; Lagged, the last event of a life and a session's first state come in any case
}

// or returns the filter with its defaults.
func (f Filter) or(buffer int) Filter {
	if f.Buffer <= 0 {
		f.Buffer = buffer
	}
	if f.Kinds &= All; f.Kinds == 0 {
		f.Kinds = All
	}
	return f
}

// feed is one subscriber's channel. Feeds guards it; the reader needs no lock.
type feed struct {
	ch     chan Event
	kinds  Mask
	room   int    // how many events may wait; the channel holds two more
	last   uint64 // the newest Seq this feed knows of; before the first event that of the subscription
	missed uint64
	newest Header // of the newest missed event
	closed bool
}

func newFeed(f Filter, first OnStateChange) *feed {
	f = f.or(DefaultBuffer)
	room := f.Buffer + 1 // the first state takes no place of the buffer
	d := &feed{ch: make(chan Event, room+2), kinds: f.Kinds, room: room, last: first.Seq}
	d.ch <- first
	return d
}

// send queues e, or counts it as missed. It never blocks. It returns how many
// were counted.
func (d *feed) send(e Event) (missed uint64) {
	h := e.Head()
	if h.Seq <= d.last {
		return 0
	}
	missed = d.follow(h)
	if !d.kinds.Has(e.Kind()) {
		return missed
	}
	need := 1
	if d.missed > 0 {
		need = 2 // the announcement comes first
	}
	if len(d.ch)+need > d.room {
		d.missed++
		d.newest = h
		return missed + 1
	}
	d.announce()
	d.ch <- e
	return missed
}

// finish queues the announcement of what was missed and the last event, for
// which two places are always free, and closes the channel. It returns what send
// does.
func (d *feed) finish(last Event) (missed uint64) {
	missed = d.follow(last.Head())
	d.announce()
	d.ch <- last
	d.close()
	return missed
}

// follow notes the Seq of an event. A feed of all kinds that has just begun
// counts the events that were on their way as it did, and returns how many.
func (d *feed) follow(h Header) (missed uint64) {
	if d.kinds == All && h.Seq > d.last+1 {
		missed = h.Seq - d.last - 1
		d.missed += missed
		d.newest = h
		d.newest.Seq = h.Seq - 1
	}
	d.last = h.Seq
	return missed
}

func (d *feed) announce() {
	if d.missed > 0 {
		h := d.newest
		h.Time = time.Now()
		d.ch <- Lagged{Header: h, Missed: d.missed}
		d.missed = 0
	}
}

// close announces what was missed, for which there is a place, and closes the
// channel.
func (d *feed) close() {
	if !d.closed {
		d.announce()
		d.closed = true
		close(d.ch)
	}
}
