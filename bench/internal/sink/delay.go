package sink

import (
	"net"
	"sync/atomic"
	"time"
)

// distant is a connection that is a round trip away: the first write after a
// read, or after accept, is an answer, and waits for that long. It counts the
// answers, which are the round trips of the client.
//
// It stands below TLS, so the handshake's are counted too.
type distant struct {
	net.Conn
	delay time.Duration
	turns *atomic.Int64
	heard bool
}

func newDistant(c net.Conn, delay time.Duration, turns *atomic.Int64) *distant {
	return &distant{Conn: c, delay: delay, turns: turns, heard: true}
}

// Read notes that the client has spoken.
func (d *distant) Read(b []byte) (int, error) {
	n, err := d.Conn.Read(b)
	d.heard = d.heard || n > 0
	return n, err
}

// Write waits if it answers.
func (d *distant) Write(b []byte) (int, error) {
	if d.heard {
		d.heard = false
		d.turns.Add(1)
		<-time.After(d.delay)
	}
	return d.Conn.Write(b)
}
