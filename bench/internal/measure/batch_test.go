package measure

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestBatch_DoesJustSoMany(t *testing.T) {
	for _, n := range []int{1, 7, 8, 100} {
		for _, workers := range []int{1, 3, 8} {
			var done atomic.Int64
			do := make([]func() error, workers)
			for i := range do {
				do[i] = func() error { done.Add(1); return nil }
			}
			if _, err := Batch(t.Context(), n, do); err != nil || done.Load() != int64(n) {
				t.Errorf("%d by %d: %d, %v", n, workers, done.Load(), err)
			}
		}
	}
}

// octets keeps what is allocated from being optimised away.
var octets []byte

// What is counted is what a unit has used: here 10 ms of CPU and one slice.
func TestBatch_TellsWhatAUnitTook(t *testing.T) {
	const n = 20
	s, err := Batch(t.Context(), n, []func() error{func() error {
		octets = make([]byte, 1<<20)
		begun, err := CPU()
		for ended := begun; err == nil && ended-begun < 10*time.Millisecond; {
			ended, err = CPU()
		}
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	if cpu := s[CPUTime]; cpu < 10_000 || cpu > 40_000 {
		t.Errorf("%v us of CPU", cpu)
	}
	if s[Wall] < 5_000 {
		t.Errorf("%v us", s[Wall])
	}
	if s[Bytes] < 1<<20 || s[Bytes] > 1<<20+10_000 {
		t.Errorf("%v octets", s[Bytes])
	}
	if s[Allocs] < 1 || s[Allocs] > 20 {
		t.Errorf("%v allocations", s[Allocs])
	}
}

func TestBatch_EndsWithTheFirstErrorAndWithItsContext(t *testing.T) {
	failure := errors.New("refused")
	done := 0
	_, err := Batch(t.Context(), 100, []func() error{func() error {
		if done++; done == 3 {
			return failure
		}
		return nil
	}})
	if !errors.Is(err, failure) || done != 3 {
		t.Error(err, done)
	}

	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	context.AfterFunc(ctx, func() { close(stopped) })
	done = 0
	_, err = Batch(ctx, 1_000_000_000, []func() error{func() error {
		if done++; done == 3 {
			cancel()
			<-stopped
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
