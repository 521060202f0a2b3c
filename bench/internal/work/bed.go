package work

import (
	"sync/atomic"

	"github.com/ehlo-go/ehlo/bench/internal/peer"
	"github.com/ehlo-go/ehlo/bench/internal/sink"
)

// Bed is what all works of a run share.
type Bed struct {
	Sink *sink.Process
	next atomic.Uint64
}

// place is where a target is.
type place uint8

const (
	near    place = iota
	distant       // a round trip away
)

// target returns the sink, at its next address.
func (b *Bed) target(security peer.Security, where place) peer.Target {
	from := b.Sink.Addresses.Clear
	switch {
	case where == distant:
		from = b.Sink.Addresses.Distant
	case security == peer.Implicit:
		from = b.Sink.Addresses.Implicit
	}
	n := b.next.Add(1)
	return peer.Target{Address: from[n%uint64(len(from))], Security: security, Roots: b.Sink.Roots}
}

// Clear returns the next target without TLS.
func (b *Bed) Clear() peer.Target { return b.target(peer.Clear, near) }
