package growth

import (
	"context"
	"errors"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/peer"
)

// Load is what messages of one size have cost, each, one after the other.
type Load struct {
	Peer    string // column
	Command string // "DATA" or "BDAT"
	Octets  int
	CPU     float64 // in microseconds
	Rate    float64 // megabytes of content a second, of the clock
}

// load measures raw and ehlo at one size by one command, in turns, round by round.
func load(ctx context.Context, octets, messages, rounds int, chunked bool, to func() peer.Target) (loads []Load, err error) {
	clients := []peer.Client{peer.Raw{}, peer.Ehlo{}}
	letter := peer.NewLetter(octets, peer.Way{Chunked: chunked})
	senders := make([]peer.Sender, 0, len(clients))
	defer func() {
		for _, s := range senders {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, c := range clients {
		s, err := c.Ready(ctx, to(), letter)
		if err != nil {
			return nil, err
		}
		senders = append(senders, s)
		if err := s.Send(ctx); err != nil { // what the first message sets up
			return nil, err
		}
	}
	samples, err := measure.Rounds(len(clients), rounds, func(i, _ int) (measure.Sample, error) {
		return measure.Batch(ctx, messages, []func() error{func() error { return senders[i].Send(ctx) }})
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
