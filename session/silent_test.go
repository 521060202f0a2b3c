//go:build !race && unix && !aix

package session

import (
	"bytes"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// Without an SDK the hook of telemetry, which every session has, makes nothing
// that a session without any hook does not make: in a command, a message and a
// life.
func TestTelemetry_AllocatesNothingWithoutAnSDK(t *testing.T) {
	octets, content := bytes.NewReader(nil), []byte("Subject: a\r\n\r\nb\r\n")
	m := &smtp.Message{Mail: smtp.Mail{From: "sender@client.test"}, Recipients: smtp.To("recipient@mx.test"), Content: octets}
	ready := func(bare bool) *Session {
		s := newSession(t, Config{HostAddress: "127.0.0.1", RemotePort: frugal(t), LocalName: "client.test", Options: Extended, Retry: Retry{MaxAttempts: 1}})
		if bare {
			s.hooks = &events.Hooks{}
		}
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	srv := loopback(t, smtptest.Config{})
	allocs := func(bare bool) map[string]float64 {
		s := ready(bare)
		lives := newSession(t, reach(srv, Extended))
		if bare {
			lives.hooks = &events.Hooks{}
		}
		return map[string]float64{
			"a command": testing.AllocsPerRun(300, func() {
				if err := s.Noop(t.Context()); err != nil {
					t.Fatal(err)
				}
			}),
			"a message": testing.AllocsPerRun(300, func() {
				octets.Reset(content)
				if _, err := s.Send(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}),
			"a life": testing.AllocsPerRun(100, func() { // the server's allocations are in it
				if err := lives.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := lives.Disconnect(t.Context()); err != nil {
					t.Fatal(err)
				}
			}),
		}
	}
	without := allocs(true)
	for what, n := range allocs(false) {
		t.Logf("%s: %v allocations, %v without a hook", what, n, without[what])
		slack := 0.0
		if what == "a life" {
			slack = 1 // of the server's and the kernel's timing
		}
		if n > without[what]+slack {
			t.Errorf("%s allocates %v times, %v without a hook", what, n, without[what])
		}
	}
}
