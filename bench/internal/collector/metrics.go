package collector

import (
	"math"
	"runtime/metrics"
	"slices"
)

// The names in runtime/metrics. Those of the CPU are brought up to date at the end of
// each collection.
const (
	gcCPU     = "/cpu/classes/gc/total:cpu-seconds"
	idleCPU   = "/cpu/classes/idle:cpu-seconds"
	totalCPU  = "/cpu/classes/total:cpu-seconds"
	gcCycles  = "/gc/cycles/total:gc-cycles"
	gcPauses  = "/sched/pauses/total/gc:seconds"
	latencies = "/sched/latencies:seconds"
	mapped    = "/memory/classes/total:bytes"
	released  = "/memory/classes/heap/released:bytes"
)

// reading is what they are at a moment.
type reading map[string]metrics.Value

func read() reading {
	names := []string{gcCPU, idleCPU, totalCPU, gcCycles, gcPauses, latencies, mapped, released}
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	r := reading{}
	for _, s := range samples {
		r[s.Name] = s.Value
	}
	return r
}

// grown returns by how much a number has grown since before.
func (r reading) grown(before reading, name string) float64 {
	return number(r[name]) - number(before[name])
}

// held returns the octets that Go has from the system and has not given back.
func (r reading) held() float64 { return number(r[mapped]) - number(r[released]) }

func number(v metrics.Value) float64 {
	switch v.Kind() {
	case metrics.KindFloat64:
		return v.Float64()
	case metrics.KindUint64:
		return float64(v.Uint64())
	default:
		return math.NaN() // this Go does not have it
	}
}

// since returns the times that a histogram has counted since before.
func (r reading) since(before reading, name string) times {
	if r[name].Kind() != metrics.KindFloat64Histogram {
		return times{}
	}
	h, was := r[name].Float64Histogram(), before[name].Float64Histogram()
	t := times{bounds: h.Buckets, counts: slices.Clone(h.Counts)}
	for i := range t.counts {
		t.counts[i] -= was.Counts[i]
	}
	return t
}

// times is a histogram: counts[i] lie between bounds[i] and bounds[i+1], in seconds.
type times struct {
	bounds []float64
	counts []uint64
}

func (t times) total() (n uint64) {
	for _, c := range t.counts {
		n += c
	}
	return n
}

// quantile returns the upper bound, in microseconds, of the bucket in which the
// share q of the times is reached; NaN where there are none. 1 is the longest.
func (t times) quantile(q float64) float64 {
	need := uint64(math.Ceil(q * float64(t.total())))
	var n uint64
	for i, c := range t.counts {
		if n += c; c > 0 && n >= need {
			bound := t.bounds[i+1]
			if math.IsInf(bound, 1) {
				bound = t.bounds[i]
			}
			return bound * 1e6
		}
	}
	return math.NaN()
}
