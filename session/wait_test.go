package session

import (
	"runtime"
	"testing"

	"github.com/ehlo-go/ehlo/smtptest"
)

// Wait hears that the session is ready, whether it began before or comes after.
func TestSession_WaitBeforeReadyAndAfter(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	wait := func(s *Session) <-chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := s.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		return done
	}
	s := newSession(t, reach(srv, Extended))
	before := wait(s)
	for waits := false; !waits; runtime.Gosched() {
		s.mu.Lock()
		waits = s.life.readied != nil
		s.mu.Unlock()
	}
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, before, "Wait before the connect")
	within(t, wait(linked(t, reach(srv, Extended))), "Wait when it is ready") // and nobody has waited
}
