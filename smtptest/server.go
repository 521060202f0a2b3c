package smtptest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// memoryAddr is where a memory server claims to be (RFC 5737).
const memoryAddr = "192.0.2.25:25"

// Server is a scripted SMTP server. Its methods may be called from any
// goroutine.
type Server struct {
	cfg    Config
	roots  *x509.CertPool
	broken error // a bad Config or no certificate: every dial to a memory server fails with it
	addr   string
	ln     net.Listener // nil: a memory server
	record *record
	scram  scramKeys

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	accepted int
	conns    map[*Conn]struct{} // those that have a goroutine
	alive    int                // those that are open
	idle     chan struct{}      // closed when alive becomes 0; nil: nobody waits
	counts   map[*sequence]int
}

// NewServer starts a server on a free port of 127.0.0.1.
func NewServer(cfg Config) (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("smtptest: %w", err)
	}
	s, err := Serve(ln, cfg)
	if err != nil {
		ln.Close()
		return nil, err
	}
	return s, nil
}

// Serve starts a server on a listener of the caller's, which [Server.Close]
// closes. With an error the listener stays open.
func Serve(ln net.Listener, cfg Config) (*Server, error) {
	s := newServer(cfg, ln.Addr().String())
	if s.broken != nil {
		return nil, s.broken
	}
	s.ln = ln
	s.wg.Go(s.accept)
	return s, nil
}

// NewMemoryServer makes a server without sockets: [Server.DialContext] reaches
// it through a [Pipe]. Inside a testing/synctest bubble it works when it is made
// there. Should its certificate fail or a mechanism be unknown, each dial returns
// the error.
func NewMemoryServer(cfg Config) *Server {
	host, _, _ := net.SplitHostPort(memoryAddr)
	return newServer(cfg, memoryAddr, host)
}

func newServer(cfg Config, addr string, extra ...string) *Server {
	s := &Server{
		addr:   addr,
		conns:  make(map[*Conn]struct{}),
		counts: make(map[*sequence]int),
	}
	s.cfg, s.roots, s.broken = cfg.complete(extra...)
	s.record = &record{logf: cfg.Logf, none: cfg.NoRecord, counts: Counts{Commands: make(map[string]int)}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func (s *Server) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			if s.ctx.Err() == nil {
				s.record.note(0, "accept: %v", err)
			}
			return
		}
		if !s.start(conn) {
			conn.Close()
		}
	}
}

// start gives a connection its goroutine and reports whether it did, which it
// does not on a closed server.
func (s *Server) start(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.accepted++
	c := newConn(s, s.accepted, conn)
	s.conns[c] = struct{}{}
	s.alive++
	s.wg.Go(c.run)
	return true
}

// ended counts off a connection that is closed; its goroutine may live on to
// read over what still comes.
func (s *Server) ended(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive--
	if s.alive == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// forget forgets a connection whose goroutine ends.
func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Addr returns "host:port"; of a memory server "192.0.2.25:25".
func (s *Server) Addr() string { return s.addr }

// Host returns the host of [Server.Addr], an IP address.
func (s *Server) Host() string {
	host, _, err := net.SplitHostPort(s.addr)
	if err != nil {
		return s.addr
	}
	return host
}

// Port returns the port of [Server.Addr]; 0 when its listener has none.
func (s *Server) Port() int {
	_, port, _ := net.SplitHostPort(s.addr)
	n, _ := strconv.Atoi(port)
	return n
}

// Roots returns a pool that trusts the certificate which the server made. It is
// empty when Config.TLS brought its own.
func (s *Server) Roots() *x509.CertPool { return s.roots.Clone() }

// DialContext connects to the server, whatever the network and address: a
// memory server through a new [Pipe], whose remote address is the one asked for
// when it is an IP address with a port; another over its socket. After Close it
// fails with [syscall.ECONNREFUSED].
func (s *Server) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if s.ln != nil {
		return new(net.Dialer).DialContext(ctx, s.ln.Addr().Network(), s.addr)
	}
	from, to := addrsFor(address)
	client, server := newPipe(0, from, to)
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: client.RemoteAddr(), Err: err}
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if s.broken != nil {
		return fail(s.broken)
	}
	if !s.start(server) {
		return fail(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	return client, nil
}

// addrsFor returns the two addresses of a connection to an address.
func addrsFor(address string) (client, server net.Addr) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		to = netip.MustParseAddrPort(memoryAddr)
	}
	from := netip.MustParseAddrPort("192.0.2.1:40000")
	if to.Addr().Is6() && !to.Addr().Is4In6() {
		from = netip.MustParseAddrPort("[2001:db8::1]:40000")
	}
	return net.TCPAddrFromAddrPort(from), net.TCPAddrFromAddrPort(to)
}

// Close stops listening, ends every connection and waits for every goroutine.
// Called again it only waits.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	var err error
	if first {
		s.cancel()
		if s.ln != nil {
			err = s.ln.Close()
		}
		for _, c := range s.open() {
			c.end("closed", false)
			c.raw.Close()
		}
	}
	s.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil // the caller closed the listener before
	}
	return err
}

func (s *Server) open() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

// Connections returns how many connections were accepted so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Open returns how many connections are open now.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive
}

// WaitClosed waits until no connection is open, or returns the context's error.
func (s *Server) WaitClosed(ctx context.Context) error {
	s.mu.Lock()
	if s.alive == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Say writes a reply that nobody asked for to every open connection now, with
// CRLF added where it is missing. A connection inside a TLS handshake is left
// out; one that is being written to waits its turn.
func (s *Server) Say(reply string) {
	reply = endLine(reply)
	for _, c := range s.open() {
		c.interject(reply)
	}
}

// CloseConns closes every open connection in an orderly way: close_notify
// within TLS, then FIN.
func (s *Server) CloseConns() {
	for _, c := range s.open() {
		c.end("closed", false)
	}
}

// ResetConns breaks every open connection: RST.
func (s *Server) ResetConns() {
	for _, c := range s.open() {
		c.Reset()
	}
}

// reached counts how often a sequence was reached before.
func (s *Server) reached(key *sequence) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.counts[key]
	s.counts[key]++
	return n
}
