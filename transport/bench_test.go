package transport

import (
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

// replay is a connection that says the same octets at each Read.
type replay struct {
	net.Conn
	octets string
}

func (r replay) Read(p []byte) (int, error)  { return copy(p, r.octets), nil }
func (r replay) SetDeadline(time.Time) error { return nil }

// BenchmarkReadReply is the work of one reply without the system's: find its
// end, arm its deadline, keep its text.
func BenchmarkReadReply(b *testing.B) {
	for name, octets := range map[string]string{
		"OneLine": "250 2.1.5 ok\r\n",
		"EHLO":    "250-mx.example greets you\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 CHUNKING\r\n",
	} {
		b.Run(name, func(b *testing.B) {
			inMemory, other := net.Pipe()
			defer inMemory.Close()
			defer other.Close()
			c := NewConn(replay{inMemory, octets}, new(sync.Mutex), time.Minute)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.ReadReply(time.Minute, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParkWake is one post to a parked owner and its way back to rest.
func BenchmarkParkWake(b *testing.B) {
	for _, v := range variants {
		b.Run(v.name, func(b *testing.B) {
			l := connect(b, v)
			posted, left := false, false
			owner := inBackground(func() error {
				for {
					if l.conn.Park(func() bool { return !posted && !left }) {
						return io.EOF
					}
					l.mu.Lock()
					posted = false
					done := left
					l.mu.Unlock()
					if done {
						return nil
					}
				}
			})
			b.ReportAllocs()
			for b.Loop() {
				for woken := false; !woken; runtime.Gosched() {
					l.mu.Lock()
					if woken = l.conn.parked; woken {
						posted = true
						l.conn.Wake()
					}
					l.mu.Unlock()
				}
			}
			l.mu.Lock()
			left = true
			l.conn.Wake()
			l.mu.Unlock()
			if err := within(b, "owner", owner); err != nil {
				b.Fatal(err)
			}
		})
	}
}
