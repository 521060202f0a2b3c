//go:build unix && !aix

package transport

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestPeeker_OnlySocketsOfNet(t *testing.T) {
	client, _ := sockets(t)
	inMemory, other := net.Pipe()
	defer inMemory.Close()
	defer other.Close()
	// Its Read may hold what the socket no longer has, though SyscallConn is there.
	type wrapped struct{ *net.TCPConn }
	for _, c := range []net.Conn{inMemory, hidden{client}, wrapped{client}, &wrapped{client}} {
		if newPeeker(c) != nil {
			t.Errorf("%T is peeked at", c)
		}
	}
	if newPeeker(client) == nil {
		t.Error("a TCP connection is not peeked at")
	}
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Skip(err)
	}
	defer ln.Close()
	c, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if newPeeker(c) == nil {
		t.Error("a Unix connection is not peeked at")
	}
	client.Close()
	if p := newPeeker(client); p != nil && !p.now() {
		t.Error("a closed connection looks quiet")
	}
}

func TestPeeker_SeesAndTakesNothing(t *testing.T) {
	client, server := sockets(t)
	p := newPeeker(client)
	if p.now() {
		t.Fatal("readable, and nothing was sent")
	}
	server.Write([]byte("x"))
	for range 3 { // each time: an edge is told only once
		if err := p.wait(); err != nil {
			t.Fatal(err)
		}
		if !p.now() {
			t.Fatal("not readable")
		}
	}
	b := make([]byte, 8)
	if n, err := client.Read(b); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if p.now() {
		t.Fatal("readable, and all is read")
	}
	server.CloseWrite()
	for range 2 {
		if err := p.wait(); err != nil {
			t.Fatal(err)
		}
	}
	if !p.now() {
		t.Error("the end is not seen")
	}
}

func TestPeeker_WaitEndsWithTheDeadline(t *testing.T) {
	client, _ := sockets(t)
	p := newPeeker(client)
	client.SetReadDeadline(time.Unix(1, 0))
	for range 2 { // a past deadline stays: it cannot be missed
		if err := p.wait(); !isDeadline(err) {
			t.Fatal(err)
		}
	}
	client.SetReadDeadline(time.Time{})
	waited := inBackground(p.wait)
	client.SetReadDeadline(time.Unix(1, 0))
	if err := within(t, "wait", waited); !os.IsTimeout(err) {
		t.Fatal(err)
	}
	client.Close()
	if err := p.wait(); err == nil || isDeadline(err) {
		t.Fatal(err)
	}
}

// meanwhile is a socket that becomes readable just as something else happens.
type meanwhile struct {
	syscall.RawConn
	do func()
}

func (m meanwhile) Read(f func(uintptr) bool) error {
	defer m.do()
	return m.RawConn.Read(f)
}

func TestPark_ReadableAndWokenAtOnce(t *testing.T) {
	for _, v := range variants[:2] {
		l := connect(t, v)
		l.conn.peek.raw = meanwhile{l.conn.peek.raw, l.wake}
		l.say("421 bye\r\n")
		if !within(t, "Park", l.park()) {
			t.Fatal("the 421 is lost")
		}
		wantEnd(t, l, smtp.KindReply, 421)
	}
}

func TestPark_ReadableAndCutAtOnce(t *testing.T) {
	for _, v := range variants[:2] {
		l := connect(t, v)
		l.conn.peek.raw = meanwhile{l.conn.peek.raw, l.cut}
		l.say("421 bye\r\n")
		within(t, "Park", l.park())
		if _, err := l.socket.Write([]byte("x")); !isDeadline(err) {
			t.Errorf("the cut's deadline was overwritten: %v", err)
		}
		wantKind(t, l.conn.ReadUnsolicited(patience), smtp.KindCanceled)
	}
}

// A look takes the reset from the socket, which then only says EOF: it must be
// told all the same.
func TestPeeker_TellsAResetThatALookHasTaken(t *testing.T) {
	for _, v := range variants {
		for _, look := range []string{"Park before", "Park after", "Quiet"} {
			l := connect(t, v)
			l.exchange()
			var parked <-chan bool
			if look == "Park after" {
				parked = l.park()
				l.untilParked()
			}
			l.rst()
			switch look {
			case "Park before":
				parked = l.park()
			case "Quiet":
				if l.conn.peek == nil {
					continue
				}
				until(t, "a reset", func() bool { return !l.conn.Quiet() })
			}
			if parked != nil && !within(t, "Park", parked) {
				t.Fatal("not heard")
			}
			if e := wantKind(t, l.conn.ReadUnsolicited(patience), smtp.KindLost); !errors.Is(e, syscall.ECONNRESET) {
				t.Errorf("%s, %s: %v, want a reset", v.name, look, e)
			}
		}
	}
}
