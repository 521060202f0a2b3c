package peer

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/transport"
)

// guard is what a client does around a message that must not be fooled by its server
// and must not wait for ever, made of the parts that ehlo has for it.
type guard struct {
	lock sync.Mutex
	look *transport.Conn // looks, and reads nothing
	seen transport.Facts
}

// limit is for a flight and its answers.
const limit = 5 * time.Minute

func newGuard(c net.Conn) *guard {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	g := new(guard)
	g.look = transport.NewConn(c, &g.lock, limit)
	return g
}

// message looks at each octet of the content.
func (g *guard) message(content []byte) { g.seen = transport.Scan(content) }

// flight looks whether the server has said something unasked, which would pass for
// the answer to what follows, and sets a deadline.
func (g *guard) flight(c net.Conn) error {
	if !g.look.Quiet() {
		return errors.New("raw: the server has spoken unasked, or left")
	}
	return c.SetDeadline(time.Now().Add(limit))
}
