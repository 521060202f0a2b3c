package sink

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// RoundTrip is how far away [Addresses.Distant] is.
const RoundTrip = 20 * time.Millisecond

// Addresses are where a server listens, as host:port. A client goes from one to
// the next: a client's port that rests in TIME_WAIT is taken for one of them
// alone.
type Addresses struct {
	Clear    []string // STARTTLS is offered
	Implicit []string // TLS from the first octet
	Distant  []string // as Clear, but each answer takes RoundTrip
}

// Counts are what a server has taken so far.
type Counts struct {
	Sessions int64 // that ended by QUIT
	Messages int64
	Octets   int64 // of their content, with the dots that were stuffed
	Turns    int64 // answers from Distant: its clients' round trips
}

// Sub returns what was taken since before.
func (c Counts) Sub(before Counts) Counts {
	return Counts{c.Sessions - before.Sessions, c.Messages - before.Messages, c.Octets - before.Octets, c.Turns - before.Turns}
}

// Message is one that was taken, for tests.
type Message struct {
	From, To string // behind "MAIL " and "RCPT "
	Content  []byte // without stuffed dots
	TLS      bool
}

// Server is a sink. Its methods may be called from any goroutine.
type Server struct {
	keep   func(Message) // nil: what comes is only counted
	counts struct{ sessions, messages, octets, turns atomic.Int64 }

	addresses Addresses
	listeners []net.Listener
	all       sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

// Listen starts a sink with a certificate for its addresses, on as many of the
// hosts as the system lets it listen on; the first is needed. keep, where it is
// not nil, gets each message and is called by many goroutines at once.
func Listen(cert tls.Certificate, hosts []string, keep func(Message)) (*Server, error) {
	s := &Server{keep: keep, conns: make(map[net.Conn]struct{})}
	near := &tls.Config{Certificates: []tls.Certificate{cert}}
	far := near.Clone()
	far.SessionTicketsDisabled = true // they are written unasked, and are no answer
	for i, host := range hosts {
		err := errors.Join(
			s.serve(host, &s.addresses.Clear, func(c net.Conn) error { return s.converse(c, near, false) }),
			s.serve(host, &s.addresses.Implicit, func(c net.Conn) error { return s.converse(tls.Server(c, near), near, true) }),
			s.serve(host, &s.addresses.Distant, func(c net.Conn) error {
				return s.converse(newDistant(c, RoundTrip, &s.counts.turns), far, false)
			}),
		)
		if err != nil && i == 0 {
			_ = s.Close()
			return nil, fmt.Errorf("sink: %w", err)
		}
	}
	return s, nil
}

// Hosts returns n loopback addresses. Beyond the first they are there on Linux.
func Hosts(n int) []string {
	hosts := make([]string, n)
	for i := range hosts {
		hosts[i] = fmt.Sprint("127.0.0.", i+1)
	}
	return hosts
}

// Addresses returns where it listens.
func (s *Server) Addresses() Addresses { return s.addresses }

// Counts returns what it has taken. A message or a QUIT counts before its answer is
// on its way, so a client that has the answer finds it counted.
func (s *Server) Counts() Counts {
	c := &s.counts
	return Counts{c.sessions.Load(), c.messages.Load(), c.octets.Load(), c.turns.Load()}
}

// Close ends every conversation and waits for it.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	for _, l := range s.listeners {
		_ = l.Close()
	}
	s.all.Wait()
	return nil
}

func (s *Server) serve(host string, to *[]string, converse func(net.Conn) error) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return err
	}
	s.listeners = append(s.listeners, l)
	*to = append(*to, l.Addr().String())
	s.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if !s.begin(c) {
				_ = c.Close()
				return
			}
			s.all.Go(func() {
				defer s.end(c)
				_ = converse(c) // the client has left, or hears a 5yz and fails
			})
		}
	})
	return nil
}

func (s *Server) begin(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.conns[c] = struct{}{}
	}
	return !s.closed
}

func (s *Server) end(c net.Conn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}
