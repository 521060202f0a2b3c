package growth

import (
	"context"
	"errors"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/peer"
)

// Load is what messages of one size have cost, each, while several sessions sent
// them.
type Load struct {
	Peer    string // column
	Command string // "DATA" or "BDAT"
	Octets  int
	CPU     float64 // in microseconds
	Rate    float64 // megabytes of content a second, of the clock, all sessions together
}

// sessionsAtOnce is as for the messages of the table. On one session both processes
// sleep between any two flights, and what is measured is how the system wakes them.
const sessionsAtOnce = 8

// load measures raw and ehlo at one size by one command, in turns, round by round.
func load(ctx context.Context, octets, messages, rounds int, chunked bool, to func() peer.Target) (loads []Load, err error) {
	clients := []peer.Client{peer.Raw{}, peer.Ehlo{}}
	letter := peer.NewLetter(octets, peer.Way{Chunked: chunked})
	sends := make([][]func() error, len(clients))
	var senders []peer.Sender
	defer func() {
		for _, s := range senders {
			err = errors.Join(err, s.Close())
		}
	}()
	for i, c := range clients {
		for range sessionsAtOnce {
			s, err := c.Ready(ctx, to(), letter)
			if err != nil {
				return nil, err
			}
			senders = append(senders, s)
			if err := s.Send(ctx); err != nil { // what the first message sets up
				return nil, err
			}
			sends[i] = append(sends[i], func() error { return s.Send(ctx) })
		}
	}
	samples, err := measure.Rounds(len(clients), rounds, func(i, _ int) (measure.Sample, error) {
		return measure.Batch(ctx, messages, sends[i])
	})
	if err != nil {
		return nil, err
	}
	command := "DATA"
	if chunked {
		command = "BDAT"
	}
	for i, c := range clients {
		cpu, _ := measure.Median(samples[i], measure.CPUTime)
		wall, _ := measure.Median(samples[i], measure.Wall)
		loads = append(loads, Load{c.Name(), command, len(letter.Content), cpu, float64(len(letter.Content)) / wall})
	}
	return loads, nil
}
