package work

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/sink"
)

// scripted is a work whose contestants only write down what they are asked.
func scripted(said *[]string, names ...string) Work {
	w := Work{Name: "scripted", Unit: "thing", Batch: 100, Quick: 2, Rounds: 2}
	for _, name := range names {
		w.Peers = append(w.Peers, Contestant{name, func(context.Context, *Bed) (*Bench, error) {
			*said = append(*said, "open "+name)
			return &Bench{
				Measure: func(_ context.Context, n int) (measure.Sample, error) {
					*said = append(*said, fmt.Sprint(name, " ", n))
					return measure.Sample{measure.Wall: float64(len(*said))}, nil
				},
				Close: func() error { *said = append(*said, "close "+name); return nil },
			}, nil
		}})
	}
	return w
}

func TestDo_BatchesAreInterleaved(t *testing.T) {
	var said []string
	w := scripted(&said, "a", "b")
	r, err := w.Do(t.Context(), nil, Amount{Rounds: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"open a", "a 2", "open b", "b 2", "a 100", "b 100", "b 100", "a 100", "close a", "close b"}
	if !slices.Equal(said, want) {
		t.Errorf("%q,\nwant %q", said, want)
	}
	if r.Batch != 100 || r.Rounds != 2 || len(r.Of("a")) != 2 || len(r.Of("b")) != 2 || r.Of("c") != nil {
		t.Errorf("%+v", r)
	}
	if a, b := r.Of("a"), r.Of("b"); a[0][measure.Wall] != 5 || b[0][measure.Wall] != 6 || b[1][measure.Wall] != 7 || a[1][measure.Wall] != 8 {
		t.Error("samples out of order:", a, b)
	}
}

func TestDo_AFailureClosesAndSaysWhose(t *testing.T) {
	var said []string
	w := scripted(&said, "a")
	failure := errors.New("refused")
	w.Peers = append(w.Peers, Contestant{"b", func(context.Context, *Bed) (*Bench, error) { return nil, failure }})
	_, err := w.Do(t.Context(), nil, Amount{Rounds: 1}, nil)
	if !errors.Is(err, failure) || err.Error() != "scripted: b: refused" {
		t.Error(err)
	}
	if last := said[len(said)-1]; last != "close a" {
		t.Error(said)
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		w             Work
		a             Amount
		batch, rounds int
	}{
		{Work{Batch: 10, Quick: 2}, Amount{Rounds: 3}, 10, 3},
		{Work{Batch: 10, Quick: 2, Rounds: 4}, Amount{Rounds: 3}, 10, 12},
		{Work{Batch: 10, Quick: 2, Rounds: 4}, Amount{Rounds: 1, Quick: true}, 2, 1},
		{Work{Batch: 10, Quick: 2, Once: true}, Amount{Rounds: 3}, 10, 1},
	} {
		if batch, rounds := c.w.Size(c.a); batch != c.batch || rounds != c.rounds {
			t.Errorf("%+v, %+v: %d x %d", c.w, c.a, batch, rounds)
		}
	}
}

// Every work runs, and its figures are there and are no nonsense.
func TestWorks_EachRuns(t *testing.T) {
	s, err := sink.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	bed := &Bed{Sink: s}
	for _, w := range Works() {
		t.Run(w.Name, func(t *testing.T) {
			r, err := w.Do(t.Context(), bed, Amount{Rounds: 1, Quick: true}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range r.Peers {
				if len(p.Samples) != 1 || len(p.Samples[0]) == 0 {
					t.Errorf("%s: %v", p.Name, p.Samples)
				}
				if turns, ok := p.Samples[0][measure.Turns]; ok != (w.Name == DistantMessage || w.Name == DistantSession) || ok && turns != roundTrips[w.Name][p.Name] {
					t.Errorf("%s: %v round trips, want %v", p.Name, turns, roundTrips[w.Name][p.Name])
				}
			}
		})
	}
}

// roundTrips are known: they are counted, not timed.
var roundTrips = map[string]map[string]float64{
	DistantMessage: {"raw": 1, "net/smtp": 4, "go-smtp": 4, "go-mail": 5, "ehlo": 2, ehloFull: 1, ehloChunking: 3, ehloNeither: 4},
	DistantSession: {"raw": 5, "net/smtp": 5, "go-smtp": 5, "go-mail": 5, "ehlo": 5},
}

// A message that the sink has not taken is no message.
func TestCounted_FailsWhereTheCountIsWrong(t *testing.T) {
	s, err := sink.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	bed := &Bed{Sink: s}
	nothing := func() (measure.Sample, error) { return measure.Sample{}, nil }
	if _, err := counted(bed, sink.Counts{Messages: 1}, nothing); err == nil {
		t.Error("no error for a message that did not come")
	}
	if _, err := counted(bed, sink.Counts{}, nothing); err != nil {
		t.Error(err)
	}
}
