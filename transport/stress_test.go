package transport

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// TestPark_StressNoLostWakeUp posts to owners that are parked, over sockets on
// loopback, while servers end their connections in all ways and posters cut
// theirs. With EHLO_STRESS=1 over a million posts find their owner parked (about
// 40 seconds under the race detector on two cores), else 20,000.
func TestPark_StressNoLostWakeUp(t *testing.T) {
	want := int64(20_000)
	if os.Getenv("EHLO_STRESS") == "1" {
		want = 1_000_000
	}
	begun := time.Now()
	var total tally
	for _, v := range variants {
		s := &stress{t: t, variant: v, want: want / int64(len(variants))}
		s.run()
		t.Logf("%-16s %v", v.name, &s.tally)
		total.add(&s.tally)
	}
	t.Logf("%-16s %v in %v", "total", &total, time.Since(begun).Round(time.Millisecond))
}

// tally counts what happened.
type tally struct {
	parked, busy, exchanges, conns, cuts, lost, replies atomic.Int64
}

func (n *tally) add(m *tally) {
	for _, c := range [][2]*atomic.Int64{{&n.parked, &m.parked}, {&n.busy, &m.busy}, {&n.exchanges, &m.exchanges},
		{&n.conns, &m.conns}, {&n.cuts, &m.cuts}, {&n.lost, &m.lost}, {&n.replies, &m.replies}} {
		c[0].Add(c[1].Load())
	}
}

func (n *tally) String() string {
	return fmt.Sprintf("%d posts to a parked owner, %d to a busy one, %d exchanges; %d connections: %d ended by a goodbye, %d lost, %d cut",
		n.parked.Load(), n.busy.Load(), n.exchanges.Load(), n.conns.Load(), n.replies.Load(), n.lost.Load(), n.cuts.Load())
}

type stress struct {
	tally
	t       *testing.T
	variant variant
	want    int64
}

// run lets a few posters at a time live through connections until there were
// enough posts.
func (s *stress) run() {
	addr := listen(s.t, s.serve)
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for s.parked.Load() < s.want && !s.t.Failed() {
				s.life(addr)
			}
		})
	}
	wg.Wait()
}

// serve answers commands, and after some of them ends the connection in one of
// many ways: with the last reply, right behind it, or later, while the client
// parks.
func (s *stress) serve(c net.Conn) {
	tcp := c.(*net.TCPConn)
	b := &batch{Conn: tcp}
	var rw net.Conn = b
	if s.variant.tls {
		conn := tls.Server(b, testCert().lateTickets())
		if conn.Handshake() != nil {
			return
		}
		rw = conn
	}
	buf := make([]byte, 512)
	for left := rand.IntN(100); ; left-- {
		n, err := rw.Read(buf)
		if err != nil {
			return
		}
		if string(buf[:n]) == "LAST\r\n" {
			left = 0
		}
		end := ""
		if left == 0 {
			end = []string{"421 bye\r\n", "451 busy\r\n", ""}[rand.IntN(3)]
		}
		switch how := rand.IntN(4); {
		case left > 0:
			rw.Write([]byte("250 ok\r\n"))
			continue
		case how == 0: // one record
			rw.Write([]byte("250 ok\r\n" + end))
		case how == 1: // one segment
			b.hold()
			rw.Write([]byte("250 ok\r\n"))
			if end != "" {
				rw.Write([]byte(end))
			}
			b.flush()
		default: // later
			rw.Write([]byte("250 ok\r\n"))
			spin(rand.IntN(1000))
			if end != "" {
				rw.Write([]byte(end))
			}
		}
		if rand.IntN(4) == 0 {
			tcp.SetLinger(0) // RST
			return
		}
		if conn, ok := rw.(*tls.Conn); ok && rand.IntN(2) == 0 {
			conn.CloseWrite()
		}
		tcp.CloseWrite()
		tcp.SetReadDeadline(time.Now().Add(patience))
		for { // until the client closes too, or the FIN becomes a RST
			if _, err := tcp.Read(buf); err != nil {
				return
			}
		}
	}
}

func spin(n int) {
	for range n {
		runtime.Gosched()
	}
}

// owner is a session in small: a mailbox, and a goroutine that serves it.
type owner struct {
	mu       sync.Mutex
	conn     *Conn
	posted   bool   // under mu
	verb     string // under mu: what the post wants to be said; "" nothing
	answered chan struct{}
	ended    chan *smtp.Error
}

func (o *owner) run() *smtp.Error {
	for {
		o.mu.Lock()
		work, verb := o.posted, o.verb
		o.posted = false
		o.mu.Unlock()
		if !work {
			if o.conn.Park(func() bool { return !o.posted }) {
				return o.conn.ReadUnsolicited(patience)
			}
			o.mu.Lock()
			cut := o.conn.cut
			o.mu.Unlock()
			if cut {
				return ioError(errCut, false)
			}
			continue
		}
		if verb != "" {
			if !o.conn.Quiet() {
				return o.conn.ReadUnsolicited(patience)
			}
			if err := o.conn.WriteLine(verb, patience); err != nil {
				return ioError(err, false)
			}
			if r, err := o.conn.ReadReply(patience, true); err != nil {
				return ioError(err, false)
			} else if r.Negative() { // a goodbye that crossed our command
				return &smtp.Error{Kind: smtp.KindReply, Reply: r}
			}
		}
		o.answered <- struct{}{}
	}
}

// life is one connection, its owner and its poster.
func (s *stress) life(addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.conns.Add(1)
	o := &owner{answered: make(chan struct{}), ended: make(chan *smtp.Error, 1)}
	if s.variant.hidden {
		c = hidden{c}
	}
	o.conn = NewConn(c, &o.mu, time.Minute)
	defer o.conn.Close()
	if s.variant.tls {
		if _, err := o.conn.Handshake(testCert().client(), false, patience); err != nil {
			s.t.Error(err)
			return
		}
	}
	go func() { o.ended <- o.run() }()
	s.end(s.post(o))
}

// post posts until the connection ends, and returns what the owner says of it.
func (s *stress) post(o *owner) *smtp.Error {
	watchdog := time.NewTimer(patience)
	defer watchdog.Stop()
	for {
		if rand.IntN(10) > 0 {
			for !o.isParked() && len(o.ended) == 0 {
				runtime.Gosched()
			}
		}
		spin(rand.IntN(4)) // from the lock to the depth of the wait
		verb := ""
		switch n := rand.IntN(300); {
		case n < 100:
			verb = "NOOP"
		case n == 299:
			verb = "LAST" // and nobody posts again: the end must be noticed all the same
		}
		s.drop(o, verb)
		watchdog.Reset(patience)
		answered := o.answered
		for {
			select {
			case <-answered:
				answered = nil
			case e := <-o.ended:
				return e
			case <-watchdog.C:
				s.t.Errorf("a wake-up was lost: %q", verb)
				o.conn.sock.Conn.Close()
				return <-o.ended
			}
			if verb != "LAST" {
				break
			}
		}
	}
}

// drop puts a post into the mailbox, or cuts the connection.
func (s *stress) drop(o *owner, verb string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conn.parked {
		s.parked.Add(1)
	} else {
		s.busy.Add(1)
	}
	if verb == "" && rand.IntN(300) == 0 {
		o.conn.Cut()
		return
	}
	o.posted, o.verb = true, verb
	if verb != "" {
		s.exchanges.Add(1)
	}
	o.conn.Wake()
}

func (o *owner) isParked() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.conn.parked
}

// end judges how a connection ended: a timeout or a broken protocol is a stray.
func (s *stress) end(e *smtp.Error) {
	switch {
	case e.Kind == smtp.KindReply && (e.Reply.Code == 421 || e.Reply.Code == 451):
		s.replies.Add(1)
	case e.Kind == smtp.KindLost:
		s.lost.Add(1)
	case e.Kind == smtp.KindCanceled:
		s.cuts.Add(1)
	default:
		s.t.Errorf("a connection ended with %v (%v)", e, e.Kind)
	}
}
