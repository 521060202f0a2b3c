package transport

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtptest"
)

func TestSocket_ReadsTheStashFirstThenWithinItsBudget(t *testing.T) {
	client, server := smtptest.Pipe(0)
	defer client.Close()
	io.WriteString(server, "rest")
	s := &socket{Conn: client, stash: []byte("aside"), budget: 0}
	b := make([]byte, 3)
	for _, want := range []string{"asi", "de"} {
		if n, err := s.Read(b); err != nil || string(b[:n]) != want {
			t.Fatalf("%q, %v; want %q", b[:n], err, want)
		}
	}
	if s.stash != nil {
		t.Error("an empty stash is kept")
	}
	if _, err := s.Read(b); !errors.Is(err, errWouldBlock) {
		t.Fatalf("budget 0: %v", err)
	}
	s.budget = 1
	if n, err := s.Read(b); err != nil || string(b[:n]) != "res" {
		t.Fatalf("budget 1: %q, %v", b[:n], err)
	}
	if _, err := s.Read(b); !errors.Is(err, errWouldBlock) {
		t.Fatalf("budget 1, again: %v", err)
	}
	s.budget = -1
	if n, err := s.Read(b); err != nil || string(b[:n]) != "t" {
		t.Fatalf("no budget: %q, %v", b[:n], err)
	}
}

// crypto/tls arms deadlines of its own for its goodbye; only Conn may.
func TestSocket_TakesNoDeadlineFromAbove(t *testing.T) {
	client, server := smtptest.Pipe(0)
	defer client.Close()
	s := &socket{Conn: client, budget: -1}
	past := time.Unix(1, 0)
	for _, set := range []func(time.Time) error{s.SetDeadline, s.SetReadDeadline, s.SetWriteDeadline} {
		if err := set(past); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(server, "x")
	if _, err := s.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	if _, err := s.Write([]byte("x")); err != nil {
		t.Error(err)
	}
}

func TestErrWouldBlock_IsTemporary(t *testing.T) {
	//lint:ignore SA1019 crypto/tls asks Temporary
	if !errWouldBlock.Temporary() || errWouldBlock.Timeout() || errWouldBlock.Error() == "" { //nolint:staticcheck // crypto/tls asks Temporary
		t.Error("crypto/tls would keep it for good")
	}
}
