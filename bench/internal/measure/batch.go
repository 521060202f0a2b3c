package measure

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Batch does n units, shared by the workers at once, and returns what one took.
// Each worker is called by one goroutine. The first error ends the batch, and so
// does the end of ctx, after the units that are running.
//
// What others left on the heap is collected before.
func Batch(ctx context.Context, n int, workers []func() error) (Sample, error) {
	var stop atomic.Bool
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()
	errs := make([]error, len(workers))
	var all sync.WaitGroup
	runtime.GC()
	begun, err := now()
	if err != nil {
		return nil, err
	}
	for i, do := range workers {
		all.Go(func() {
			for range share(n, len(workers), i) {
				if stop.Load() {
					return
				}
				if errs[i] = do(); errs[i] != nil {
					stop.Store(true)
					return
				}
			}
		})
	}
	all.Wait()
	ended, err := now()
	if err := errors.Join(append(errs, err, context.Cause(ctx))...); err != nil {
		return nil, err
	}
	return ended.since(begun, n), nil
}

// share returns how many of n units worker i of so many does.
func share(n, workers, i int) int {
	if i < n%workers {
		return n/workers + 1
	}
	return n / workers
}

// moment is all that has been used until now.
type moment struct {
	cpu            time.Duration
	at             time.Time
	mallocs, bytes uint64
}

func now() (moment, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	cpu, err := CPU()
	return moment{cpu, time.Now(), m.Mallocs, m.TotalAlloc}, err
}

func (m moment) since(begun moment, n int) Sample {
	each := float64(n)
	return Sample{
		CPUTime: float64((m.cpu - begun.cpu).Nanoseconds()) / 1e3 / each,
		Wall:    float64(m.at.Sub(begun.at).Nanoseconds()) / 1e3 / each,
		Allocs:  float64(m.mallocs-begun.mallocs) / each,
		Bytes:   float64(m.bytes-begun.bytes) / each,
	}
}
