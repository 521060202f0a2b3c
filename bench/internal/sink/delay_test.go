package sink

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestDistant_OneAnswerTakesOneRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		var turns atomic.Int64
		far := newDistant(server, RoundTrip, &turns)
		defer far.Close()
		say := func(want time.Duration) {
			t.Helper()
			begun := time.Now()
			go func() { _, _ = client.Read(make([]byte, 10)) }()
			if _, err := far.Write([]byte("220 ")); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took != want {
				t.Errorf("%v, want %v", took, want)
			}
		}
		hear := func() {
			go func() { _, _ = client.Write([]byte("EHLO ")) }()
			if _, err := far.Read(make([]byte, 10)); err != nil {
				t.Error(err)
			}
		}
		say(RoundTrip) // the greeting
		say(0)         // the rest of it
		hear()
		hear()
		say(RoundTrip)
		say(0)
		if turns.Load() != 2 {
			t.Error(turns.Load(), "round trips")
		}
	})
}
