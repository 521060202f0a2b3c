package work

import (
	"context"
	"errors"
	"fmt"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/sink"
)

// Work is one thing that several peers do.
type Work struct {
	Name string
	Unit string // what is counted: session, message, event
	// Batch is how many units of each peer make a round, Quick how many where the
	// question is only whether it works.
	Batch, Quick int
	// Rounds is for how many rounds of this work one round that is asked for
	// stands, where a batch is short or a ratio close to its mark; 0 means 1.
	Rounds int
	// Once says that one round is enough, since the figures do not hang on the
	// machine's mood: memory, round trips.
	Once  bool
	Peers []Contestant
}

// Contestant is one peer in a work.
type Contestant struct {
	Name string
	// Open makes it ready to be measured.
	Open func(ctx context.Context, b *Bed) (*Bench, error)
}

// Bench is a contestant that is ready.
type Bench struct {
	// Measure does n units and returns what one took.
	Measure func(ctx context.Context, n int) (measure.Sample, error)
	// Close undoes Open; nil: there is nothing to undo.
	Close func() error
}

// Amount is how much of a work is done.
type Amount struct {
	Rounds int
	Quick  bool
}

// Size returns the batch, and how many rounds of it.
func (w *Work) Size(a Amount) (batch, rounds int) {
	switch {
	case a.Quick:
		return w.Quick, a.Rounds
	case w.Once:
		return w.Batch, 1
	}
	return w.Batch, a.Rounds * max(1, w.Rounds)
}

// Result is what a work has shown.
type Result struct {
	Work   string `json:"work"`
	Unit   string `json:"unit"`
	Batch  int    `json:"batch"`
	Rounds int    `json:"rounds"`
	Peers  []Peer `json:"peers"`
}

// Peer is the samples of one contestant, by round.
type Peer struct {
	Name    string           `json:"name"`
	Samples []measure.Sample `json:"samples"`
}

// Of returns the samples of a contestant, nil if it took no part.
func (r *Result) Of(name string) []measure.Sample {
	for _, p := range r.Peers {
		if p.Name == name {
			return p.Samples
		}
	}
	return nil
}

// Do opens every contestant, lets each warm up, and gives them their turns, round by
// round. told, where it is not nil, hears who is next.
func (w *Work) Do(ctx context.Context, b *Bed, a Amount, told func(peer string, round, rounds int)) (r *Result, err error) {
	open := make([]*Bench, 0, len(w.Peers))
	defer func() {
		for _, o := range open {
			if o.Close != nil {
				err = errors.Join(err, o.Close())
			}
		}
		if err != nil {
			r, err = nil, fmt.Errorf("%s: %w", w.Name, err)
		}
	}()
	for _, c := range w.Peers {
		o, err := c.Open(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		open = append(open, o)
		if !w.Once {
			if _, err := o.Measure(ctx, w.Quick); err != nil { // what the first ones set up
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
		}
	}
	batch, rounds := w.Size(a)
	samples, err := measure.Rounds(len(open), rounds, func(peer, round int) (measure.Sample, error) {
		if told != nil {
			told(w.Peers[peer].Name, round+1, rounds)
		}
		s, err := open[peer].Measure(ctx, batch)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.Peers[peer].Name, err)
		}
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	r = &Result{Work: w.Name, Unit: w.Unit, Batch: batch, Rounds: rounds}
	for i, c := range w.Peers {
		r.Peers = append(r.Peers, Peer{c.Name, samples[i]})
	}
	return r, nil
}

// taken measures, and returns what the sink has seen meanwhile.
func taken(b *Bed, do func() (measure.Sample, error)) (s measure.Sample, seen sink.Counts, err error) {
	before, err := b.Sink.Counts()
	if err != nil {
		return nil, seen, err
	}
	if s, err = do(); err != nil {
		return nil, seen, err
	}
	after, err := b.Sink.Counts()
	return s, after.Sub(before), err
}

// counted measures and looks that the sink has taken just what was sent.
func counted(b *Bed, want sink.Counts, do func() (measure.Sample, error)) (measure.Sample, error) {
	s, got, err := taken(b, do)
	if err != nil {
		return nil, err
	}
	if got.Sessions != want.Sessions || got.Messages != want.Messages || want.Octets > 0 && got.Octets != want.Octets {
		return nil, fmt.Errorf("the sink has taken %d sessions, %d messages of %d octets, where %d, %d and %d were to come",
			got.Sessions, got.Messages, got.Octets, want.Sessions, want.Messages, want.Octets)
	}
	return s, nil
}
