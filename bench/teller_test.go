package main

import (
	"testing"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
)

// With -count each line has rounds of its own.
func TestTeller_SharesTheRoundsAmongTheLines(t *testing.T) {
	rounds := func(n int) (of []measure.Sample) {
		for i := range n {
			of = append(of, measure.Sample{measure.Wall: float64(i)})
		}
		return of
	}
	for _, c := range []struct {
		rounds, lines, line int
		first, many         int
	}{
		{3, 3, 0, 0, 1}, {3, 3, 2, 2, 1}, {9, 3, 0, 0, 3}, {9, 3, 1, 3, 3}, {9, 3, 2, 6, 3},
		{1, 3, 0, 0, 1}, {1, 3, 2, 0, 1}, {9, 1, 0, 0, 9},
	} {
		got := teller{of: rounds(c.rounds), lines: c.lines}.share(c.line)
		if len(got) != c.many || got[0][measure.Wall] != float64(c.first) {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// It ends, whatever the batch, and N is the batch.
func TestTeller_NIsTheBatch(t *testing.T) {
	for _, batch := range []int{1, 8, 15_000, 5_000_000} {
		told := teller{of: []measure.Sample{{measure.Wall: 7}}, batch: batch, lines: 1, round: map[*testing.B]int{}}
		if r := testing.Benchmark(told.tell); r.N != batch || r.Extra[string(measure.Wall)] != 7 {
			t.Errorf("a batch of %d: %v", batch, r)
		}
	}
}
