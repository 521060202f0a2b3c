package measure

import (
	"maps"
	"slices"
)

// Metric is what is measured, of one unit of work: a session, a message, an event.
// Its text is the unit in benchmark lines and in JSON.
type Metric string

// The metrics.
const (
	CPUTime Metric = "cpu-us/op"  // of this process, user and system, in microseconds
	Wall    Metric = "wall-us/op" // in microseconds
	Allocs  Metric = "allocs/op"  // how often
	Bytes   Metric = "B/op"       // allocated
	Held    Metric = "held-B/op"  // heap and stack that it holds while it rests
	Turns   Metric = "turns/op"   // round trips
	Elapsed Metric = "elapsed-ns" // of an event, in nanoseconds
)

// Sample is what one batch took, for a unit of it.
type Sample map[Metric]float64

// Metrics returns what it has, in order.
func (s Sample) Metrics() []Metric { return slices.Sorted(maps.Keys(s)) }

// Median returns the median of a metric over samples, and whether they have it.
// That of an even number is the mean of the middle two.
func Median(of []Sample, m Metric) (float64, bool) {
	var values []float64
	for _, s := range of {
		if v, ok := s[m]; ok {
			values = append(values, v)
		}
	}
	return middle(values)
}

// MedianRatio returns the median over the rounds of what it was in a round, divided
// by what base was in the same round: the two of a round met the same machine.
func MedianRatio(of, base []Sample, m Metric) (float64, bool) {
	var ratios []float64
	for i := range min(len(of), len(base)) {
		v, ok := of[i][m]
		b, there := base[i][m]
		if ok && there && b != 0 {
			ratios = append(ratios, v/b)
		}
	}
	return middle(ratios)
}

func middle(values []float64) (float64, bool) {
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 0 {
		return (values[half-1] + values[half]) / 2, true
	}
	return values[half], true
}
