package events

import (
	"sync"
	"time"
)

// hubFeed is one channel of a hub. The hub's lock guards what is not a channel.
type hubFeed struct {
	hub    *Hub
	ch     chan Event // room for the buffer, and for a Lagged before what fits again
	kinds  Mask
	missed uint64 // and not announced yet
	late   lateQueue
	ending bool // the hub was closed

	wake chan struct{} // says that something is late
	stop chan struct{} // closed by cancel
	idle chan struct{} // closed when serve has returned
	once sync.Once     // of cancel
	over bool          // serve has closed ch, or will; known when idle is closed
}

func newHubFeed(h *Hub, f Filter) *hubFeed {
	f = f.or(DefaultHubBuffer)
	return &hubFeed{hub: h, ch: make(chan Event, f.Buffer+1), kinds: f.Kinds,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), idle: make(chan struct{})}
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
	d.rouse()
}

// rouse makes serve look.
func (d *hubFeed) rouse() {
	select {
	case d.wake <- struct{}{}:
	default: // it will
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
		for e := d.next(false); e != nil; e = d.next(true) {
			select {
			case d.ch <- e:
			case <-d.stop:
				return
			}
		}
		if d.over {
			close(d.ch)
			return
		}
	}
}

// next returns what has to come next into the channel, nil if nothing does, and
// notes first whether what it returned before is there. So the queue is empty only
// when all of it is in the channel.
func (d *hubFeed) next(passed bool) Event {
	d.hub.mu.Lock()
	defer d.hub.mu.Unlock()
	switch {
	case passed && d.late.n > 0:
		d.late.pass(d.hub.lives)
	case passed:
		d.missed = 0
	}
	switch {
	case d.late.n > 0:
		return d.late.first()
	case d.ending && d.missed > 0:
		return lagged(d.missed)
	}
	d.over = d.ending
	return nil
}

// cancel ends the channel, with what still fits of what is late and a Lagged for
// the rest.
func (d *hubFeed) cancel() {
	d.once.Do(func() {
		d.hub.leave(d)
		close(d.stop)
		<-d.idle // now nobody else writes
		if d.over {
			return
		}
		for ; d.late.n > 0; d.late.pass(0) {
			if !d.offer(d.late.first()) {
				d.missed += max(d.late.ring[d.late.head].missed, 1)
			}
		}
		for d.missed > 0 && !d.offer(lagged(d.missed)) {
			d.takeBack()
		}
		close(d.ch)
	})
}

// offer queues e if there is room at all.
func (d *hubFeed) offer(e Event) bool {
	select {
	case d.ch <- e:
		return true
	default:
		return false
	}
}

// takeBack makes room for the closing Lagged: the oldest event is missed too.
func (d *hubFeed) takeBack() {
	select {
	case e := <-d.ch:
		if l, ok := e.(Lagged); ok {
			d.missed += l.Missed
		} else {
			d.missed++
		}
	default: // the reader was faster
	}
}

// lagged makes the announcement of a hub.
func lagged(missed uint64) Event { return Lagged{Header: Header{Time: time.Now()}, Missed: missed} }
