package live

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/ehlo-go/ehlo/fsm"
)

// bounds are the upper ends of the buckets but for the last, which has none.
func bounds() [buckets - 1]time.Duration {
	const ms, s = time.Millisecond, time.Second
	return [buckets - 1]time.Duration{ms, 2 * ms, 5 * ms, 10 * ms, 20 * ms, 50 * ms, 100 * ms, 200 * ms, 500 * ms,
		s, 2 * s, 5 * s, 10 * s, 20 * s, 60 * s, 120 * s, 300 * s}
}

// buckets is how many there are.
const buckets = 18

// phase counts how long one phase took each time.
type phase struct {
	counts  [buckets]atomic.Uint64
	total   atomic.Int64 // nanoseconds
	longest atomic.Int64
}

func (p *phase) add(d time.Duration) {
	d = max(d, 0)
	all := bounds()
	at, _ := slices.BinarySearch(all[:], d) // a bound belongs to the bucket below it
	p.counts[at].Add(1)
	p.total.Add(int64(d))
	for old := p.longest.Load(); int64(d) > old && !p.longest.CompareAndSwap(old, int64(d)); old = p.longest.Load() {
	}
}

// timed reports a state that is a phase: the waits of ready and back-off are
// none, nor is what has no end.
func timed(s fsm.State) bool {
	switch s {
	case fsm.Resolve, fsm.Dial, fsm.TLS, fsm.Greeting, fsm.Ehlo, fsm.StartTLS, fsm.Auth, fsm.Mail:
		return true
	case fsm.Idle, fsm.Ready, fsm.Backoff, fsm.Quit, fsm.Closed:
	}
	return false
}

// PhaseTimes is how long one phase took in all sessions so far, those that have
// ended too, and failed ones. A Transaction's mail phase has the caller's time in
// it.
type PhaseTimes struct {
	Phase   fsm.State
	Buckets []Bucket // of ascending bounds; the counts are of each alone
	Count   uint64   // the sum of theirs
	Total   time.Duration
	Longest time.Duration
}

// Bucket counts the times over the bound of the one before it, up to and with its
// own.
type Bucket struct {
	AtMost time.Duration // 0 in the last one: any
	Count  uint64
}

// Quantile returns a bound that at least the share q of the times kept, 0 to 1: the
// least of the buckets', or Longest if that is less. It is 0 if there are none.
func (p PhaseTimes) Quantile(q float64) time.Duration {
	var seen uint64
	for _, b := range p.Buckets {
		seen += b.Count
		if seen > 0 && float64(seen) >= q*float64(p.Count) {
			if b.AtMost == 0 {
				break
			}
			return min(b.AtMost, p.Longest)
		}
	}
	return p.Longest
}

// Phases returns the times of each phase that took place, in the order of the
// states.
func (r *Registry) Phases() []PhaseTimes {
	var all []PhaseTimes
	for _, s := range fsm.States() {
		if !timed(s) {
			continue
		}
		if p := r.phases[s].read(s); p.Count > 0 {
			all = append(all, p)
		}
	}
	return all
}

func (p *phase) read(s fsm.State) PhaseTimes {
	t := PhaseTimes{Phase: s, Buckets: make([]Bucket, buckets)}
	for i, b := range bounds() {
		t.Buckets[i].AtMost = b
	}
	for i := range p.counts {
		n := p.counts[i].Load()
		t.Buckets[i].Count = n
		t.Count += n
	}
	t.Total, t.Longest = time.Duration(p.total.Load()), time.Duration(p.longest.Load())
	return t
}
