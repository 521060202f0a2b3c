package work

import (
	"context"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/peer"
	"github.com/ehlo-go/ehlo/bench/internal/sink"
)

// sessionsAtOnce are how many sessions are made at the same time.
const sessionsAtOnce = 4

// sessions are whole ones, from dial to QUIT. Their batches are short, and the more
// their rounds: a machine that others use too changes its pace every few seconds, and
// what is compared has to meet the same.
func sessions(name string, security peer.Security, batch int) Work {
	w := Work{Name: name, Unit: "session", Batch: batch, Quick: 40, Rounds: 5}
	for _, c := range append(all(), peer.Raw{Guarded: true}, peer.NetSMTP{Guarded: true}) {
		w.Peers = append(w.Peers, wholeSessions(c, security))
	}
	return w
}

// all returns the peers that every work of sessions has.
func all() []peer.Client {
	return []peer.Client{peer.Raw{}, peer.Raw{Goroutines: true}, peer.NetSMTP{}, peer.GoSMTP{}, peer.GoMail{}, peer.Ehlo{}}
}

func wholeSessions(c peer.Client, security peer.Security) Contestant {
	return Contestant{c.Name(), func(_ context.Context, b *Bed) (*Bench, error) {
		return sessionBench(b, c, security), nil
	}}
}

func sessionBench(b *Bed, c peer.Client, security peer.Security) *Bench {
	return &Bench{Measure: func(ctx context.Context, n int) (measure.Sample, error) {
		workers := make([]func() error, min(n, sessionsAtOnce))
		for i := range workers {
			workers[i] = func() error { return c.Session(ctx, b.target(security, near)) }
		}
		return counted(b, sink.Counts{Sessions: int64(n)}, func() (measure.Sample, error) { return measure.Batch(ctx, n, workers) })
	}}
}
