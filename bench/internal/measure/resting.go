package measure

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"time"
)

// connecting is how many sessions become ready at the same time.
const connecting = 8

// Resting makes n sessions, lets them rest, and ends them. The CPU is that of
// making and of closing them; the garbage collections between do not count.
func Resting[S io.Closer](ctx context.Context, n int, connect func() (S, error)) (cpu time.Duration, held float64, err error) {
	senders := make([]io.Closer, n)
	before := InUse()
	begin, err := cost(ctx, n, func(i int) error {
		s, err := connect()
		if err == nil {
			senders[i] = s
		}
		return err
	})
	held = (InUse() - before) / float64(n)
	end, closing := cost(context.WithoutCancel(ctx), n, func(i int) error {
		if senders[i] == nil {
			return nil
		}
		return senders[i].Close()
	})
	runtime.KeepAlive(senders)
	return begin + end, held, errors.Join(err, closing)
}

// cost does n things, some at once, and returns the CPU.
func cost(ctx context.Context, n int, do func(i int) error) (time.Duration, error) {
	begun, err := CPU()
	if err != nil {
		return 0, err
	}
	errs := make([]error, connecting)
	var all sync.WaitGroup
	for worker := range connecting {
		all.Go(func() {
			for i := worker; i < n && ctx.Err() == nil && errs[worker] == nil; i += connecting {
				errs[worker] = do(i)
			}
		})
	}
	all.Wait()
	ended, err := CPU()
	return ended - begun, errors.Join(append(errs, err, context.Cause(ctx))...)
}
