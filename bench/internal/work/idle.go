package work

import (
	"context"
	"errors"
	"sync"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/peer"
)

// idle is sessions that are ready and rest: what each holds of heap and stack.
func idle(name string, security peer.Security) Work {
	w := Work{Name: name, Unit: "session", Batch: 3000, Quick: 40, Once: true}
	for _, c := range all() {
		w.Peers = append(w.Peers, Contestant{c.Name(), func(_ context.Context, b *Bed) (*Bench, error) {
			return &Bench{Measure: func(ctx context.Context, n int) (measure.Sample, error) {
				held, err := holding(ctx, n, func() (peer.Sender, error) { return c.Ready(ctx, b.target(security, near), nil) })
				return measure.Sample{measure.Held: held}, err
			}}, nil
		}})
	}
	return w
}

// connecting is how many sessions become ready at the same time.
const connecting = 8

// holding connects n sessions, returns what each holds when all rest, and closes
// them.
func holding(ctx context.Context, n int, connect func() (peer.Sender, error)) (float64, error) {
	senders := make([]peer.Sender, n)
	errs := make([]error, connecting)
	before := measure.InUse()
	var all sync.WaitGroup
	for worker := range connecting {
		all.Go(func() {
			for i := worker; i < n && ctx.Err() == nil; i += connecting {
				if senders[i], errs[worker] = connect(); errs[worker] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	held := (measure.InUse() - before) / float64(n)
	errs = append(errs, context.Cause(ctx))
	for _, s := range senders {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return held, errors.Join(errs...)
}
