package main

import (
	"flag"
	"strconv"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/sink"
	"github.com/ehlo-go/ehlo/bench/internal/work"
)

// BenchmarkPeers prints what `go run .` measures as lines that benchstat reads, one
// for each work and peer: how many units made a round, and what one took.
//
// -count N is the number of rounds, one line each, in which all peers of a work
// have their turns: they are measured once, before the first line, whichever peer
// is asked for. A -benchtime that is a count (1x) means -quick. All of it takes
// longer than the ten minutes that go test allows: -timeout 60m.
func BenchmarkPeers(b *testing.B) {
	s, err := sink.Start()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	bed := &work.Bed{Sink: s}
	amount := work.Amount{Rounds: rounds(), Quick: counted()}
	for _, w := range work.Works() {
		b.Run(w.Name, func(b *testing.B) { contest(b, bed, w, amount) })
	}
}

// contest measures a work and reports it.
func contest(b *testing.B, bed *work.Bed, w work.Work, a work.Amount) {
	r, err := w.Do(b.Context(), bed, a, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range r.Peers {
		told := teller{of: p.Samples, batch: r.Batch, lines: a.Rounds, round: map[*testing.B]int{}}
		b.Run(p.Name, told.tell)
	}
}

// teller gives the samples of one peer to the lines of -count.
type teller struct {
	of    []measure.Sample
	batch int
	lines int
	round map[*testing.B]int // which line of -count is whose
}

// mostN is the N with which testing gives up looking for one that takes a second.
const mostN = 1_000_000_000

// tell is called for each line with another B, and for one B several times: the
// framework looks for an N that takes a second, which has no sense here. Only the
// last N is made the number of units: from a small one it would go on by steps of 1.
func (t teller) tell(b *testing.B) {
	line, ok := t.round[b]
	if !ok {
		line = len(t.round)
		t.round[b] = line
	}
	samples := t.share(line)
	if b.N == mostN || counted() {
		//lint:ignore SA3001 the units were counted by the work: N is how many
		b.N = t.batch //nolint:staticcheck // the units were counted by the work: N is how many
	}
	if _, ok := samples[0][measure.Allocs]; ok {
		b.ReportAllocs() // else those of the samples are not shown
	}
	b.ReportMetric(0, "ns/op")
	for _, m := range samples[0].Metrics() {
		v, _ := measure.Median(samples, m)
		b.ReportMetric(v, string(m))
	}
}

// share returns the samples of one line: those of one round that was asked for,
// which stands for several where the batches are short. A work of one round only
// says the same each time.
func (t teller) share(line int) []measure.Sample {
	each := max(1, len(t.of)/t.lines)
	from := min(line*each, len(t.of)-each)
	return t.of[from : from+each]
}

// rounds returns -count.
func rounds() int {
	n, _ := strconv.Atoi(flag.Lookup("test.count").Value.String())
	return max(1, n)
}

// counted reports whether -benchtime is a count.
func counted() bool { return strings.HasSuffix(flag.Lookup("test.benchtime").Value.String(), "x") }
