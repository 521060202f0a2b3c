package session

import (
	"time"

	"github.com/ehlo-go/ehlo/fsm"
)

// backoff waits before the next attempt. A cut ends it.
func (a *actor) backoff() (fsm.Trigger, error) {
	if a.hookErr != nil {
		return 0, a.hookErr
	}
	if a.retry.delay > 0 {
		timer := time.NewTimer(a.retry.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-a.ctx.Done():
		}
	}
	return fsm.Again, a.ended()
}
