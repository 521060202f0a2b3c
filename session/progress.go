package session

import (
	"errors"
	"time"

	"github.com/ehlo-go/ehlo/events"
)

// measure writes down how much of the content has travelled.
func (a *actor) measure(d *delivery) {
	b := &a.mailing.body
	if b.asIs {
		d.receipt.Octets += b.block
		d.receipt.LongLines = int(d.scanned.LongLines)
		return
	}
	f := b.encoder.Facts()
	d.receipt.Octets, d.receipt.LongLines = f.Octets, int(f.LongLines)
}

// progressEvery is the time between two OnProgress of a message.
const progressEvery = 100 * time.Millisecond

func (a *actor) progress(d *delivery, octets int64, last bool) {
	if !last {
		now := time.Now()
		b := &a.mailing.body
		if now.Sub(b.toldAt) < progressEvery {
			return
		}
		b.toldAt = now
	}
	if h, ok := a.heard(events.KindProgress); ok {
		a.tell(events.OnProgress{Header: h, Octets: octets, Size: d.facts.Size})
	}
}

// moves returns the Pace.Moved of one long write, whose first header octets are no
// content: it tells progress and listens, each listenEvery octets, whether the server
// has spoken.
func (a *actor) moves(d *delivery, header int64) func(octets int64) error {
	b, moved, next := &a.mailing.body, -header, int64(0)
	return func(n int64) error {
		moved += n
		a.progress(d, d.receipt.Octets+min(max(moved, 0), b.block), false)
		if moved >= b.block || moved < next {
			return nil
		}
		next = moved + listenEvery
		if !a.quiet() {
			return errSpoken
		}
		return nil
	}
}

// listenEvery is after how many octets of one long write the server is listened
// to: it may have said no already.
const listenEvery = 1 << 20

// errSpoken stops a write for what the server says meanwhile.
var errSpoken = errors.New("the server spoke in the middle of the content")
