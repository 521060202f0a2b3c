package growth

import (
	"context"
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

// crowd measures a point, in crowds one after the other until atLeast sessions were
// made. connect makes one ready.
func crowd(ctx context.Context, c Crowd, atLeast int, connect func() (peer.Sender, error)) (Crowd, error) {
	var used time.Duration
	made := 0
	for made < max(atLeast, c.Sessions) {
		cpu, held, err := measure.Resting(ctx, c.Sessions, connect)
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

// overLoopback connects to the sink.
func overLoopback(ctx context.Context, c peer.Client, to func() peer.Target) func() (peer.Sender, error) {
	return func() (peer.Sender, error) { return c.Ready(ctx, to(), nil) }
}

// inMemory connects without sockets.
func inMemory(ctx context.Context) func() (peer.Sender, error) {
	c := peer.Ehlo{Config: session.Config{Dialer: inmemory.Dialer{}}}
	return func() (peer.Sender, error) { return c.Ready(ctx, peer.Target{Address: "192.0.2.25:25"}, nil) }
}
