package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
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

// exchange sets a deadline. Where something is to be said it first looks whether the
// server has said something unasked, which would pass for the answer to what follows.
func (g *guard) exchange(c net.Conn, says bool) error {
	if says && !g.look.Quiet() {
		return errors.New("raw: the server has spoken unasked, or left")
	}
	return c.SetDeadline(time.Now().Add(limit))
}

// guardedSession is a whole session that its caller can call off at any time: a
// dial that has a limit and ends with the context, and a watch on the context that
// cuts the connection. begin goes from the greeting to ready, with a look at the
// server before each command and a deadline for each answer, and returns what leaves.
// When the session is ready a goroutine has it, which the caller tells to leave. It is
// not for implicit TLS, of which the look would take a ticket for a word.
func guardedSession(ctx context.Context, t Target, begin func(net.Conn, *guard) (leave func() error, err error)) error {
	if t.Security == Implicit {
		return errors.New("guards want a session that begins in clear")
	}
	to, err := netip.ParseAddrPort(t.Address)
	if err != nil {
		return err
	}
	connect, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	race := transport.Race{Dialer: transport.DefaultDialer(), Port: to.Port(), Limit: limit}
	dialed, err := race.Dial(connect, transport.Literal(to.Addr()))
	if err != nil {
		return err
	}
	g := newGuard(dialed.Conn)
	defer context.AfterFunc(connect, g.cut)()
	leave, err := begin(dialed.Conn, g)
	if err != nil {
		return errors.Join(err, dialed.Conn.Close())
	}
	asked, done := make(chan struct{}), make(chan error, 1)
	go func() {
		<-asked
		done <- leave()
	}()
	close(asked)
	return <-done
}

// cut ends what the connection waits for.
func (g *guard) cut() {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.look.Cut()
}
