package work

import (
	"context"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/peer"
	"github.com/ehlo-go/ehlo/session"
)

// The contestants of ehlo in the works of a distant sink, beside "ehlo", which is as
// it is by default.
const (
	ehloFull     = "ehlo/full"     // Flight: Full
	ehloChunking = "ehlo/chunking" // the server has CHUNKING alone
	ehloNeither  = "ehlo/neither"  // it has neither that nor PIPELINING
)

// distantMessages are sent to a sink that is a round trip away.
func distantMessages(name string) Work {
	way := peer.Way{Chunked: true}
	full := peer.Way{Chunked: true, One: true}
	w := Work{Name: name, Unit: "message", Batch: 10, Quick: 1, Once: true}
	for _, c := range []struct {
		client peer.Client
		way    peer.Way
	}{
		{peer.Raw{}, full},
		{peer.NetSMTP{}, way},
		{peer.GoSMTP{}, way},
		{peer.GoMail{}, way},
		{peer.Ehlo{}, way},
		{peer.Ehlo{Column: ehloFull}, full},
		{peer.Ehlo{Column: ehloChunking, Config: without("PIPELINING")}, way},
		{peer.Ehlo{Column: ehloNeither, Config: without("PIPELINING", "CHUNKING")}, way},
	} {
		letter := onceLetter(10_000, c.way)
		w.Peers = append(w.Peers, Contestant{c.client.Name(), func(ctx context.Context, b *Bed) (*Bench, error) {
			senders, err := ready(ctx, 1, c.client, letter(), func() peer.Target { return b.target(peer.Clear, distant) })
			if err != nil {
				return nil, err
			}
			return &Bench{
				Measure: func(ctx context.Context, n int) (measure.Sample, error) {
					return turns(b, n, func() (measure.Sample, error) { return measure.Batch(ctx, n, sends(ctx, senders)) })
				},
				Close: func() error { return closeAll(senders) },
			}, nil
		}})
	}
	return w
}

func without(keywords ...string) session.Config { return session.Config{DiscardKeywords: keywords} }

// distantSessions become ready by STARTTLS. The greeting's round trip is that of
// TCP, which loopback makes in no time.
func distantSessions(name string) Work {
	w := Work{Name: name, Unit: "session", Batch: 10, Quick: 1, Once: true}
	for _, c := range []peer.Client{peer.Raw{}, peer.NetSMTP{}, peer.GoSMTP{}, peer.GoMail{}, peer.Ehlo{}} {
		w.Peers = append(w.Peers, Contestant{c.Name(), func(_ context.Context, b *Bed) (*Bench, error) {
			return &Bench{Measure: func(ctx context.Context, n int) (measure.Sample, error) {
				var made []peer.Sender
				connect := func() error {
					s, err := c.Ready(ctx, b.target(peer.StartTLS, distant), nil)
					if err == nil {
						made = append(made, s)
					}
					return err
				}
				s, err := turns(b, n, func() (measure.Sample, error) { return measure.Batch(ctx, n, []func() error{connect}) })
				if closing := closeAll(made); err == nil {
					err = closing
				}
				return s, err
			}}, nil
		}})
	}
	return w
}

// turns measures and adds how many round trips the sink has seen.
func turns(b *Bed, n int, do func() (measure.Sample, error)) (measure.Sample, error) {
	s, seen, err := taken(b, do)
	if err != nil {
		return nil, err
	}
	s[measure.Turns] = float64(seen.Turns) / float64(n)
	return s, nil
}
