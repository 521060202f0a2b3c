package session

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/ehlo-go/ehlo/transport"
)

// fullQueue returns an address of loopback that swallows SYNs: a listener
// that accepts nothing and whose queue is full.
func fullQueue(t *testing.T) *net.TCPAddr {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 2}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	hole := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: name.(*syscall.SockaddrInet4).Port}
	for range 8 { // a backlog of 0 holds one connection, or a few
		c, err := net.DialTimeout("tcp", hole.String(), 200*time.Millisecond)
		if err != nil {
			return hole
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Skip("this kernel queues without end: no black hole to be had")
	return nil
}

// H19 with packets: nothing but the net.Dialer and the kernel.
func TestConnect_C19_ARealBlackHoleDelaysOnly(t *testing.T) {
	hole := fullQueue(t)
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(hole.Port)))
	if err != nil {
		t.Skip("the port is taken on 127.0.0.1: ", err)
	}
	srv, err := smtptest.Serve(ln, smtptest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	s := newSession(t, Config{HostName: "both.test", RemotePort: hole.Port, Resolver: addresses("127.0.0.2", "127.0.0.1")})
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = s.Disconnect(t.Context())
	for _, e := range evs() {
		if e, ok := e.(events.OnDial); ok && (e.Dials != 2 || e.Remote != srv.Addr()) {
			t.Errorf("%+v", e)
		}
	}
}

func TestConnect_C9_ARealBlackHoleTimesOut(t *testing.T) {
	hole := fullQueue(t)
	s := newSession(t, Config{HostAddress: hole.IP.String(), RemotePort: hole.Port, Retry: Retry{MaxAttempts: 1}})
	err := s.Connect(t.Context(), WithTimeout(50*time.Millisecond))
	if !errors.Is(err, smtp.ErrTimeout) || smtp.Code(err) != 10060 || asError(err).Phase != "dial" {
		t.Errorf("%v", err)
	}
}

// The limit of a race holds, whether or not its context can end.
func TestConnect_C9_ARealBlackHoleTimesOutByTheLimitAlone(t *testing.T) {
	hole := fullQueue(t)
	ending, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, ctx := range []context.Context{ending, context.Background()} {
		race := transport.Race{Dialer: transport.DefaultDialer(), Port: hole.AddrPort().Port(), Limit: 50 * time.Millisecond}
		if _, err := race.Dial(ctx, transport.Literal(hole.AddrPort().Addr().Unmap())); !errors.Is(err, smtp.ErrTimeout) {
			t.Errorf("%v: %v", ctx, err)
		}
	}
}
