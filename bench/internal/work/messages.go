package work

import (
	"context"
	"errors"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/peer"
	"github.com/ehlo-go/ehlo/bench/internal/sink"
)

// mailing is messages on ready sessions.
type mailing struct {
	octets   int
	way      peer.Way
	sessions int
	security peer.Security
}

// The 10 kB messages go on eight sessions at once.
func small(one bool, security peer.Security) mailing {
	return mailing{10_000, peer.Way{Chunked: true, One: one}, 8, security}
}

// The 20 MB ones on one.
func large(chunked bool, form peer.Form) mailing {
	return mailing{20_000_000, peer.Way{Chunked: chunked, Form: form}, 1, peer.Clear}
}

// smallMessages is a work of 10 kB messages, of short batches as [sessions] is.
func smallMessages(name string, m mailing, by ...peer.Client) Work {
	return m.work(Work{Name: name, Unit: "message", Batch: 10_000, Quick: 80, Rounds: 5}, by)
}

// largeMessages is a work of 20 MB messages. The rounds are many because the
// batches are short.
func largeMessages(name string, m mailing, by ...peer.Client) Work {
	rounds := 3
	if m.way.Chunked { // twenty times as fast as the slowest at DATA
		rounds = 9
	}
	return m.work(Work{Name: name, Unit: "message", Batch: 8, Quick: 1, Rounds: rounds}, by)
}

func (m mailing) work(w Work, by []peer.Client) Work {
	letter := onceLetter(m.octets, m.way)
	for _, c := range by {
		w.Peers = append(w.Peers, Contestant{c.Name(), func(ctx context.Context, b *Bed) (*Bench, error) {
			return m.bench(ctx, b, c, letter())
		}})
	}
	return w
}

// onceLetter returns what makes a letter at the first call: those of 20 MB are made
// only for works that are run.
func onceLetter(octets int, way peer.Way) func() *peer.Letter {
	var l *peer.Letter
	return func() *peer.Letter {
		if l == nil {
			l = peer.NewLetter(octets, way)
		}
		return l
	}
}

func (m mailing) bench(ctx context.Context, b *Bed, c peer.Client, l *peer.Letter) (*Bench, error) {
	senders, err := ready(ctx, m.sessions, c, l, func() peer.Target { return b.target(m.security, near) })
	if err != nil {
		return nil, err
	}
	return &Bench{
		Measure: func(ctx context.Context, n int) (measure.Sample, error) {
			want := sink.Counts{Messages: int64(n), Octets: int64(n) * int64(len(l.Content))}
			if _, own := c.(peer.GoMail); own { // its header is its own
				want.Octets = 0
			}
			return counted(b, want, func() (measure.Sample, error) { return measure.Batch(ctx, n, sends(ctx, senders)) })
		},
		Close: func() error { return closeAll(senders) },
	}, nil
}

// ready connects n sessions.
func ready(ctx context.Context, n int, c peer.Client, l *peer.Letter, to func() peer.Target) ([]peer.Sender, error) {
	senders := make([]peer.Sender, 0, n)
	for range n {
		s, err := c.Ready(ctx, to(), l)
		if err != nil {
			return nil, errors.Join(err, closeAll(senders))
		}
		senders = append(senders, s)
	}
	return senders, nil
}

func sends(ctx context.Context, by []peer.Sender) []func() error {
	workers := make([]func() error, len(by))
	for i, s := range by {
		workers[i] = func() error { return s.Send(ctx) }
	}
	return workers
}

func closeAll(senders []peer.Sender) error {
	errs := make([]error, len(senders))
	for i, s := range senders {
		errs[i] = s.Close()
	}
	return errors.Join(errs...)
}
