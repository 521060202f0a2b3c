package events

import "time"

// hubFeed is one channel of a hub. The hub's lock guards what is not a channel.
type hubFeed struct {
	hub    *Hub
	ch     chan Event // room for the buffer, and for a Lagged before what fits again
	kinds  Mask
	missed uint64 // and not announced yet
	late   lateQueue
	closed bool

	wake chan struct{} // says that something is late
	stop chan struct{} // closed by cancel
	idle chan struct{} // closed when serve has returned
}

// send queues e, or counts it as missed. It never blocks.
func (d *hubFeed) send(e Event) (missed uint64) {
	if !d.kinds.Has(e.Kind()) || d.put(e) {
		return 0
	}
	d.missed++
	return 1
}

// put queues e if there is room, and nothing is late that has to come before it.
func (d *hubFeed) put(e Event) bool {
	if d.late.n > 0 || len(d.ch) >= cap(d.ch)-1 {
		return false
	}
	if d.missed > 0 {
		d.ch <- lagged(d.missed)
		d.missed = 0
	}
	d.ch <- e
	return true
}

// finish queues the last event of a life, in the channel or behind it.
func (d *hubFeed) finish(last Event) {
	if d.put(last) {
		return
	}
	d.late.push(lateEvent{last, d.missed})
	d.missed = 0
	select {
	case d.wake <- struct{}{}:
	default: // it is awake
	}
}

// serve moves what is late into the channel, as the reader makes room. While
// there is anything it is the only one that writes there.
func (d *hubFeed) serve() {
	defer close(d.idle)
	for {
		select {
		case <-d.wake:
		case <-d.stop:
			return
		}
		for next, ok := d.next(false); ok; next, ok = d.next(true) {
			if next.missed > 0 && !d.pass(lagged(next.missed)) || !d.pass(next.event) {
				return
			}
		}
	}
}

// next returns the oldest late event, and takes the one before off if that has
// been passed. So the queue is empty only when all are in the channel.
func (d *hubFeed) next(passed bool) (lateEvent, bool) {
	d.hub.mu.Lock()
	defer d.hub.mu.Unlock()
	if passed {
		d.late.pop(d.hub.lives)
	}
	return d.late.first()
}

// pass waits for the reader, and reports whether there is one.
func (d *hubFeed) pass(e Event) bool {
	select {
	case d.ch <- e:
		return true
	case <-d.stop:
		return false
	}
}

// lagged makes the announcement of a hub.
func lagged(missed uint64) Lagged { return Lagged{Header: Header{Time: time.Now()}, Missed: missed} }

// lateEvent is the last event of a life, and how many were missed before it.
type lateEvent struct {
	event  Event
	missed uint64
}

// lateQueue is a ring with a place for the last event of every life, so that to
// end one needs no memory.
type lateQueue struct {
	ring    []lateEvent
	head, n int
}

// reserve makes places for so many lives that have not ended.
func (q *lateQueue) reserve(lives int) {
	if q.n+lives > len(q.ring) {
		q.resize(max(2*len(q.ring), q.n+lives))
	}
}

func (q *lateQueue) resize(size int) {
	ring := make([]lateEvent, size)
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

// push queues the last event of a life, whose place there is.
func (q *lateQueue) push(e lateEvent) {
	q.ring[(q.head+q.n)%len(q.ring)] = e
	q.n++
}

// first returns the oldest.
func (q *lateQueue) first() (lateEvent, bool) {
	if q.n == 0 {
		return lateEvent{}, false
	}
	return q.ring[q.head], true
}

// pop takes the oldest off. A ring that has become far too large for the lives
// there are is given back once it is empty.
func (q *lateQueue) pop(lives int) {
	q.ring[q.head] = lateEvent{}
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	if q.n == 0 && len(q.ring) > 4*max(lives, 256) {
		*q = lateQueue{}
		q.reserve(lives)
	}
}
