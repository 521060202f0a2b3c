package growth

import (
	"context"
	"fmt"

	"github.com/ehlo-go/ehlo/bench/internal/peer"
)

// Plan is which points are measured.
type Plan struct {
	Loopback []int // sessions at once, over sockets
	Memory   []int // the same without
	Octets   []int // of a message
	AtLeast  int   // sessions for a point: the CPU of ten is too little to be measured
	Rounds   int   // of messages
	Volume   int   // octets of content in a round; each session has a message at least, all have 20,000 at most
}

// Full is all of it.
func Full(rounds int) Plan {
	return Plan{
		Loopback: []int{10, 100, 1000, 5000},
		Memory:   []int{10_000, 100_000},
		Octets:   []int{1000, 10_000, 100_000, 1_000_000, 10_000_000, 20_000_000},
		AtLeast:  2000,
		Rounds:   rounds,
		Volume:   100_000_000,
	}
}

// Quick is enough to see that it works.
func Quick() Plan {
	return Plan{Loopback: []int{10, 100}, Memory: []int{1000}, Octets: []int{1000, 100_000}, AtLeast: 50, Rounds: 1, Volume: 1_000_000}
}

// Growth is what was measured.
type Growth struct {
	Crowds []Crowd
	Loads  []Load
}

// messages returns how many of so many octets make a round: as many of each session.
func (p Plan) messages(octets int) int {
	each := (p.Volume/octets + sessionsAtOnce - 1) / sessionsAtOnce
	return sessionsAtOnce * min(max(each, 1), 2_500)
}

// Measure measures every point. to is where a session goes next; told, where it is
// not nil, hears what comes next.
func Measure(ctx context.Context, p Plan, to func() peer.Target, told func(string)) (Growth, error) {
	if told == nil {
		told = func(string) {}
	}
	var g Growth
	add := func(c Crowd, connect func() (peer.Sender, error)) error {
		told(fmt.Sprintf("%d sessions, %s, %s", c.Sessions, c.Peer, c.Place))
		c, err := crowd(ctx, c, p.AtLeast, connect)
		if err != nil {
			return fmt.Errorf("%d sessions, %s, %s: %w", c.Sessions, c.Peer, c.Place, err)
		}
		g.Crowds = append(g.Crowds, c)
		return nil
	}
	for _, n := range p.Loopback {
		for _, c := range []peer.Client{peer.Raw{Goroutines: true}, peer.Ehlo{}} {
			if err := add(Crowd{Place: "loopback", Peer: c.Name(), Sessions: n}, overLoopback(ctx, c, to)); err != nil {
				return g, err
			}
		}
	}
	for _, n := range p.Memory {
		if err := add(Crowd{Place: "memory", Peer: "ehlo", Sessions: n}, inMemory(ctx)); err != nil {
			return g, err
		}
	}
	for _, octets := range p.Octets {
		for _, chunked := range []bool{false, true} {
			told(fmt.Sprintf("messages of %d octets", octets))
			loads, err := load(ctx, octets, p.messages(octets), p.Rounds, chunked, to)
			if err != nil {
				return g, fmt.Errorf("messages of %d octets: %w", octets, err)
			}
			g.Loads = append(g.Loads, loads...)
		}
	}
	return g, nil
}
