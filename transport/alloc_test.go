//go:build !race && unix && !aix

package transport

import (
	"runtime"
	"testing"
)

// What the working connection allocates. Not under the race detector, which
// makes sync.Pool forget.
func TestAllocs(t *testing.T) {
	l := connect(t, variants[0])
	l.exchange()
	greeting := []byte("250-mx.example greets you\r\n250-PIPELINING\r\n250 SIZE 1000000\r\n")
	perReply := testing.AllocsPerRun(500, func() {
		l.raw.Write(greeting)
		if r, err := l.conn.ReadReply(patience, false); err != nil || r.Code != 250 {
			t.Fatal(r, err)
		}
	})
	perLine := testing.AllocsPerRun(500, func() {
		if err := l.conn.WriteLine("RCPT TO:<someone@mx.example>", patience); err != nil {
			t.Fatal(err)
		}
	})
	perQuiet := testing.AllocsPerRun(500, func() {
		if !l.conn.Quiet() {
			t.Fatal("not quiet")
		}
	})
	work := testing.AllocsPerRun(500, func() {
		if l.conn.Park(func() bool { return false }) {
			t.Fatal("heard")
		}
	})
	// A whole park. The one is package net's OpError around the deadline.
	parks := make(chan struct{}, 1)
	waker := inBackground(func() struct{} {
		for range parks {
			for parked := false; !parked; runtime.Gosched() {
				l.mu.Lock()
				parked = l.conn.parked
				l.conn.Wake()
				l.mu.Unlock()
			}
		}
		return struct{}{}
	})
	announced := func() bool { parks <- struct{}{}; return true }
	woken := testing.AllocsPerRun(500, func() {
		if l.conn.Park(announced) {
			t.Fatal("heard")
		}
	})
	close(parks)
	<-waker
	for _, c := range []struct {
		name      string
		got, most float64
	}{
		{"ReadReply", perReply, 1}, {"WriteLine", perLine, 0}, {"Quiet", perQuiet, 0}, {"Park with work", work, 0},
		{"Park until Wake", woken, 1},
	} {
		t.Logf("%s: %v allocations", c.name, c.got)
		if c.got > c.most {
			t.Errorf("%s: %v allocations, want %v", c.name, c.got, c.most)
		}
	}
}
