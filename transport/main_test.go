package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestMain(m *testing.M) {
	testCert() // not first in a bubble, whose clock is another
	goleak.VerifyTestMain(m)
}

// patience is how long a test on sockets waits for what must come.
const patience = 20 * time.Second

// wait lets virtual time pass. Only inside a synctest bubble.
func wait(d time.Duration) { <-time.After(d) }

// wantKind fails unless err is an smtp.Error of this kind, and returns it.
func wantKind(t testing.TB, err error, kind smtp.Kind) *smtp.Error {
	t.Helper()
	var e *smtp.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want an smtp.Error of kind %v", err, err, kind)
	}
	if e.Kind != kind {
		t.Fatalf("got kind %v (%v), want %v", e.Kind, err, kind)
	}
	return e
}

// until waits, without a timer, for what another goroutine or the kernel is
// about to do.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); runtime.Gosched() {
		if time.Since(begun) > patience {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// within receives from c.
func within[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: not within %v", what, patience)
		panic("unreachable")
	}
}

// inBackground runs f and returns the channel of its result.
func inBackground[T any](f func() T) <-chan T {
	c := make(chan T, 1)
	go func() { c <- f() }()
	return c
}

// listen accepts connections on loopback and gives each to serve, until the
// test ends.
func listen(t testing.TB, serve func(net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); serve(c) })
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

// sockets returns the two ends of a TCP connection on loopback.
func sockets(t testing.TB) (client, server *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// hidden is a connection without SyscallConn.
type hidden struct{ net.Conn }

// batch collects what is written while it is held, so that several TLS records
// leave in one segment.
type batch struct {
	net.Conn
	mu   sync.Mutex
	held bool
	buf  []byte

	wrote bool
}

func (b *batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrote = true
	if b.held {
		b.buf = append(b.buf, p...)
		return len(p), nil
	}
	return b.Conn.Write(p)
}

func (b *batch) written() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wrote
}

func (b *batch) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = true
}

func (b *batch) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = false
	b.Conn.Write(b.buf)
	b.buf = nil
}

// fixture is a certificate of an authority, for localhost and 127.0.0.1.
type fixture struct {
	authority *smtptest.Authority
	cert      tls.Certificate
}

var testCert = sync.OnceValue(func() fixture {
	a, err := smtptest.NewAuthority()
	if err != nil {
		panic(err)
	}
	cert, err := a.Certificate(smtptest.CertOptions{Names: []string{"localhost", "127.0.0.1"}})
	if err != nil {
		panic(err)
	}
	return fixture{a, cert}
})

func (f fixture) server() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{f.cert}} }

// lateTickets makes the server send its tickets after the handshake, not within
// its first flight.
func (f fixture) lateTickets() *tls.Config {
	cfg := f.server()
	cfg.ClientAuth = tls.RequestClientCert
	return cfg
}

func (f fixture) client() *tls.Config {
	base := &tls.Config{
		RootCAs:            f.authority.Pool(),
		ClientSessionCache: tls.NewLRUClientSessionCache(1),                                      // or crypto/tls gets no tickets
		Time:               func() time.Time { return f.cert.Leaf.NotBefore.Add(2 * time.Hour) }, // in a bubble too
	}
	return TLSPolicy{Base: base, ServerName: "localhost"}.Config()
}

// variant is a kind of connection that parks.
type variant struct {
	name   string
	tls    bool
	hidden bool // no socket to peek at: the stash
}

var variants = []variant{
	{"plain", false, false},
	{"TLS", true, false},
	{"stash", false, true},
	{"stash under TLS", true, true},
}

// link is a Conn and the server at its other end.
type link struct {
	t      testing.TB
	mu     sync.Mutex
	conn   *Conn
	socket *net.TCPConn // the client's
	raw    *net.TCPConn // the server's
	batch  *batch       // on raw
	tls    *tls.Conn    // on batch; nil without TLS
	lines  *bufio.Reader
}

// connect makes a link. With TLS the handshake is done.
func connect(t testing.TB, v variant) *link {
	t.Helper()
	l := open(t, v)
	if v.tls {
		l.handshake(testCert().server())
	}
	return l
}

// open makes a link without a handshake.
func open(t testing.TB, v variant) *link {
	t.Helper()
	l := &link{t: t}
	l.socket, l.raw = sockets(t)
	l.batch = &batch{Conn: l.raw}
	l.lines = bufio.NewReader(l.raw)
	var under net.Conn = l.socket
	if v.hidden {
		under = hidden{l.socket}
	}
	l.conn = NewConn(under, &l.mu, time.Minute)
	return l
}

func (l *link) handshake(cfg *tls.Config) {
	l.t.Helper()
	l.tls = tls.Server(l.batch, cfg)
	l.lines = bufio.NewReader(l.tls)
	shaken := inBackground(l.tls.Handshake)
	if _, err := l.conn.Handshake(testCert().client(), false, patience); err != nil {
		l.t.Fatal(err)
	}
	if err := within(l.t, "server's handshake", shaken); err != nil {
		l.t.Fatal(err)
	}
}

// say writes octets as the server, in one record.
func (l *link) say(octets string) {
	var w io.Writer = l.batch
	if l.tls != nil {
		w = l.tls
	}
	if _, err := io.WriteString(w, octets); err != nil {
		l.t.Errorf("server writes %q: %v", octets, err)
	}
}

// want reads a line as the server.
func (l *link) want(line string) {
	l.t.Helper()
	l.raw.SetReadDeadline(time.Now().Add(patience))
	got, err := l.lines.ReadString('\n')
	if err != nil || strings.TrimRight(got, "\r\n") != line {
		l.t.Errorf("server reads %q, %v; want %q", got, err, line)
	}
}

// fin ends the server's side in an orderly way.
func (l *link) fin() {
	l.closeNotify()
	l.cutFIN()
}

// closeNotify says TLS's goodbye, and a FIN where there is no TLS.
func (l *link) closeNotify() {
	if l.tls == nil {
		l.cutFIN()
		return
	}
	l.tls.CloseWrite()
	l.raw.SetWriteDeadline(time.Time{}) // for what is held
}

// cutFIN ends it without TLS's goodbye.
func (l *link) cutFIN() {
	l.batch.flush()
	l.raw.CloseWrite()
}

func (l *link) rst() {
	l.raw.SetLinger(0)
	l.raw.Close()
}

// arrived waits until the client's kernel holds something to read.
func (l *link) arrived() {
	l.t.Helper()
	p := newPeeker(l.socket)
	if p == nil {
		l.t.Skip("this system has no way to peek")
	}
	until(l.t, "the server's octets", p.now)
}

// resting is a mailbox that stays empty.
func resting() bool { return true }

// park parks in the background.
func (l *link) park() <-chan bool {
	return inBackground(func() bool { return l.conn.Park(resting) })
}

// untilParked waits until the owner has said that it parks.
func (l *link) untilParked() {
	l.t.Helper()
	until(l.t, "parked", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.conn.parked
	})
}

func (l *link) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn.Wake()
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn.Cut()
}

// exchange sends NOOP and wants 250.
func (l *link) exchange() {
	l.t.Helper()
	served := inBackground(func() struct{} { l.want("NOOP"); l.say("250 ok\r\n"); return struct{}{} })
	if err := l.conn.WriteLine("NOOP", patience); err != nil {
		l.t.Fatal(err)
	}
	if r, err := l.conn.ReadReply(patience, true); err != nil || r.Code != 250 {
		l.t.Fatalf("reply %v, %v", r, err)
	}
	within(l.t, "served", served)
}

// dialerFunc is a Dialer.
type dialerFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (f dialerFunc) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f(ctx, network, address)
}
