package growth

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/bench/internal/inmemory"
	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/peer"
	"github.com/ehlo-go/ehlo/session"
)

// Crowd is what so many sessions at once have cost, each.
type Crowd struct {
	Place    string  // "loopback" or "memory"
	Peer     string  // column
	Sessions int     // at once
	CPU      float64 // in microseconds, from dial to QUIT
	Held     float64 // octets of heap and stack, while all rest
}

// connecting is how many become ready at the same time.
const connecting = 8

// crowd measures a point, in crowds one after the other until atLeast sessions were
// made. connect makes one ready.
func crowd(ctx context.Context, c Crowd, atLeast int, connect func() (peer.Sender, error)) (Crowd, error) {
	var used time.Duration
	made := 0
	for made < max(atLeast, c.Sessions) {
		cpu, held, err := once(ctx, c.Sessions, connect)
		if err != nil {
			return c, err
		}
		used += cpu
		c.Held = (c.Held*float64(made) + held*float64(c.Sessions)) / float64(made+c.Sessions)
		made += c.Sessions
	}
	c.CPU = float64(used.Nanoseconds()) / 1e3 / float64(made)
	return c, nil
}

// once makes n sessions, lets them rest, and ends them. The CPU is that of the
// first and the last, without the collector's between them.
func once(ctx context.Context, n int, connect func() (peer.Sender, error)) (cpu time.Duration, held float64, err error) {
	senders := make([]peer.Sender, n)
	before := measure.InUse()
	begin, err := cost(ctx, n, func(i int) (err error) {
		senders[i], err = connect()
		return err
	})
	held = (measure.InUse() - before) / float64(n)
	end, closing := cost(context.WithoutCancel(ctx), n, func(i int) error {
		if senders[i] == nil {
			return nil
		}
		return senders[i].Close()
	})
	runtime.KeepAlive(senders)
	return begin + end, held, errors.Join(err, closing)
}

// cost does n things, some at once, and returns the CPU.
func cost(ctx context.Context, n int, do func(i int) error) (time.Duration, error) {
	begun, err := measure.CPU()
	if err != nil {
		return 0, err
	}
	errs := make([]error, connecting)
	var all sync.WaitGroup
	for worker := range connecting {
		all.Go(func() {
			for i := worker; i < n && ctx.Err() == nil && errs[worker] == nil; i += connecting {
				errs[worker] = do(i)
			}
		})
	}
	all.Wait()
	ended, err := measure.CPU()
	return ended - begun, errors.Join(append(errs, err, context.Cause(ctx))...)
}

// overLoopback connects to the sink.
func overLoopback(ctx context.Context, c peer.Client, to func() peer.Target) func() (peer.Sender, error) {
	return func() (peer.Sender, error) { return c.Ready(ctx, to(), nil) }
}

// inMemory connects without sockets.
func inMemory(ctx context.Context) func() (peer.Sender, error) {
	c := peer.Ehlo{Config: session.Config{Dialer: inmemory.Dialer{}}}
	return func() (peer.Sender, error) { return c.Ready(ctx, peer.Target{Address: "192.0.2.25:25"}, nil) }
}
