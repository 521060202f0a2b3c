package work

import (
	"context"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/peer"
)

// idle is sessions that are ready and rest: what each holds of heap and stack.
func idle(name string, security peer.Security) Work {
	w := Work{Name: name, Unit: "session", Batch: 3000, Quick: 40, Once: true}
	for _, c := range all() {
		w.Peers = append(w.Peers, Contestant{c.Name(), func(_ context.Context, b *Bed) (*Bench, error) {
			return &Bench{Measure: func(ctx context.Context, n int) (measure.Sample, error) {
				_, held, err := measure.Resting(ctx, n, func() (peer.Sender, error) { return c.Ready(ctx, b.target(security, near), nil) })
				return measure.Sample{measure.Held: held}, err
			}}, nil
		}})
	}
	return w
}
