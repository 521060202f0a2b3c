package work

import (
	"context"
	"runtime"
	"time"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/peer"
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
)

// The contestants of the works of events.
const (
	heardByNobody = "nobody"
	heardByOne    = "subscriber"
)

// heardMessages are 10 kB messages, with nobody and with one who listens.
func heardMessages(name string) Work {
	return smallMessages(name, small(false, peer.Clear), peer.Ehlo{Column: heardByNobody}, peer.Ehlo{Column: heardByOne, Subscribed: true})
}

// happenings are events alone: counted and, where one listens, sent and read by the
// same goroutine.
func happenings(name string) Work {
	w := Work{Name: name, Unit: "event", Batch: 5_000_000, Quick: 10_000, Rounds: 3}
	for _, column := range []string{heardByNobody, heardByOne} {
		w.Peers = append(w.Peers, Contestant{column, func(context.Context, *Bed) (*Bench, error) {
			f := &events.Feeds{}
			var ch <-chan events.Event
			stop := func() {}
			if column == heardByOne {
				ch, stop = f.Subscribe(events.Filter{}, events.Header{})
				<-ch // the first state
			}
			return &Bench{
				Measure: func(_ context.Context, n int) (measure.Sample, error) { return happen(f, ch, n) },
				Close:   func() error { stop(); return nil },
			}, nil
		}})
	}
	return w
}

// happen makes n events, by the loop alone: a call for each would cost more than
// what is measured.
func happen(f *events.Feeds, ch <-chan events.Event, n int) (measure.Sample, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun, err := measure.CPU()
	if err != nil {
		return nil, err
	}
	for range n {
		if seq, ok := f.Advance(fsm.Ready, events.KindCommand); ok {
			f.Send(events.OnCommand{Header: events.Header{Seq: seq}})
		}
		if ch != nil {
			<-ch
		}
	}
	ended, err := measure.CPU()
	runtime.ReadMemStats(&after)
	return measure.Sample{
		measure.Elapsed: float64(ended-begun) / float64(time.Nanosecond) / float64(n),
		measure.Allocs:  float64(after.Mallocs-before.Mallocs) / float64(n),
		measure.Bytes:   float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, err
}
