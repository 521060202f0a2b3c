package main

import (
	"context"
	"net"
	"time"

	"github.com/ehlo-go/ehlo/transport"
)

// rate is how much the slow link takes, in octets a second.
const rate = 2_000_000

// slow dials connections that take what is written at no more than rate.
type slow struct{ transport.Dialer }

func (d slow) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return slowConn{c}, nil
}

type slowConn struct{ net.Conn }

// Write takes the time that the link needs for each part, so an end in between is
// noticed at the next one.
func (c slowConn) Write(p []byte) (n int, err error) {
	const part = 16 << 10
	for len(p) > 0 && err == nil {
		m := min(len(p), part)
		<-time.After(time.Duration(m) * time.Second / rate)
		m, err = c.Conn.Write(p[:m])
		n, p = n+m, p[m:]
	}
	return n, err
}
