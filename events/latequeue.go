package events

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

// first returns what comes first: the announcement of what was missed before the
// oldest event, then that event.
func (q *lateQueue) first() Event {
	if e := &q.ring[q.head]; e.missed == 0 {
		return e.event
	}
	return lagged(q.ring[q.head].missed)
}

// pass takes off what first returned. A ring that has become far too large for the
// lives there are is given back once it is empty.
func (q *lateQueue) pass(lives int) {
	if e := &q.ring[q.head]; e.missed > 0 {
		e.missed = 0
		return
	}
	q.ring[q.head] = lateEvent{}
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	if q.n == 0 && len(q.ring) > 4*max(lives, 256) {
		*q = lateQueue{}
		q.reserve(lives)
	}
}
