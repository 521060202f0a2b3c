package peer

import (
	"context"
	"net"
	"strings"
	"testing"
)

func TestGuard_LooksBeforeEachFlight(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	g := newGuard(client)
	if err := g.exchange(client, true); err != nil {
		t.Error(err)
	}
	const goodbye = "421 bye\r\n"
	if _, err := server.Write([]byte(goodbye)); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; err = g.exchange(client, true) { // loopback is not at once
	}
	if !strings.Contains(err.Error(), "unasked") {
		t.Error(err)
	}
}

func TestGuard_LooksAtTheContent(t *testing.T) {
	var g guard
	g.message([]byte("a\r\n\xff\r\n"))
	if !g.seen.EightBit {
		t.Errorf("%+v", g.seen)
	}
}

// A server that accepts and never greets holds nobody whose context ends.
func TestGuardedSession_EndsWithTheContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range guardeds() {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Session(ctx, Target{Address: l.Addr().String()}) }()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-done; err == nil {
			t.Error(c.Name(), "no error")
		}
		_ = server.Close()
	}
}
