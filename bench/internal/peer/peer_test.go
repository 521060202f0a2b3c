package peer

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"sync"
	"testing"

	"github.com/ehlo-go/ehlo/bench/internal/sink"
	"github.com/ehlo-go/ehlo/smtptest"
)

// arrivals is what a sink has taken.
type arrivals struct {
	mu       sync.Mutex
	messages []sink.Message
}

func (a *arrivals) keep(m sink.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.messages = append(a.messages, m)
}

// take returns what has come, and forgets it.
func (a *arrivals) take() []sink.Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.messages
	a.messages = nil
	return taken
}

// listen starts a sink that keeps what comes.
func listen(t *testing.T) (*sink.Server, *arrivals, *x509.CertPool) {
	t.Helper()
	authority, err := smtptest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate(smtptest.CertOptions{Names: sink.Hosts(1)})
	if err != nil {
		t.Fatal(err)
	}
	var a arrivals
	s, err := sink.Listen(cert, sink.Hosts(1), a.keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, &a, authority.Pool()
}

func everyone() []Client {
	return []Client{Raw{}, Raw{Goroutines: true}, NetSMTP{}, GoSMTP{}, GoMail{}, Ehlo{}, Ehlo{Column: "subscribed", Subscribed: true}}
}

// targets are the sink's ports, by how TLS begins there.
func targets(s *sink.Server, roots *x509.CertPool) []Target {
	a := s.Addresses()
	return []Target{{a.Clear[0], Clear, roots}, {a.Clear[0], StartTLS, roots}, {a.Implicit[0], Implicit, roots}}
}

func TestReady_EveryMessageArrivesWhole(t *testing.T) {
	s, arrived, roots := listen(t)
	for _, way := range []Way{
		{}, {Form: Unknown}, {Chunked: true}, {Chunked: true, One: true}, {Chunked: true, Form: Canonical}, {Chunked: true, Form: Unknown},
	} {
		for _, octets := range []int{1000, 10_000, 400_000} {
			if way.One && octets > 64<<10 {
				continue // more than Flight Full sends at once
			}
			letter := NewLetter(octets, way)
			for _, target := range targets(s, roots) {
				all := everyone()
				if way.Chunked && target.Security != StartTLS {
					all = append(all, Wire{})
				}
				for _, c := range all {
					t.Run(fmt.Sprintf("%+v/%d/%v/%s", way, octets, target.Security, c.Name()), func(t *testing.T) {
						sender, err := c.Ready(t.Context(), target, letter)
						if err != nil {
							t.Fatal(err)
						}
						const times = 3
						for range times {
							if err := sender.Send(t.Context()); err != nil {
								t.Fatal(err)
							}
						}
						if err := sender.Close(); err != nil {
							t.Error(err)
						}
						messages := arrived.take()
						if len(messages) != times {
							t.Fatal(len(messages), "messages")
						}
						for _, m := range messages {
							check(t, c, letter, m)
							if m.TLS != (target.Security != Clear) {
								t.Error("TLS:", m.TLS)
							}
						}
					})
				}
			}
		}
	}
}

// check compares checksums: of the whole message or, where the header is the
// client's own, of its body.
func check(t *testing.T, c Client, l *Letter, m sink.Message) {
	t.Helper()
	got, want := m.Content, l.Content
	if _, own := c.(GoMail); own {
		_, got, _ = bytes.Cut(got, []byte("\r\n\r\n"))
		_, want, _ = bytes.Cut(want, []byte("\r\n\r\n"))
	}
	if sha256.Sum256(got) != sha256.Sum256(want) {
		t.Errorf("%d octets have come, of %d: %.60q …", len(got), len(want), got)
	}
	if !bytes.Contains([]byte(m.From), []byte("FROM:<"+From+">")) || !bytes.Contains([]byte(m.To), []byte("TO:<"+To+">")) {
		t.Errorf("%q to %q", m.From, m.To)
	}
}

// guardeds are for whole sessions that begin in clear.
func guardeds() []Client { return []Client{Raw{Guarded: true}, NetSMTP{Guarded: true}} }

func TestSession_EveryOneEndsByQUIT(t *testing.T) {
	s, _, roots := listen(t)
	for _, target := range targets(s, roots) {
		all := everyone()
		if target.Security != Implicit {
			all = append(all, guardeds()...)
		}
		for _, c := range all {
			before := s.Counts().Sessions
			if err := c.Session(t.Context(), target); err != nil {
				t.Errorf("%s, %v: %v", c.Name(), target.Security, err)
			}
			if n := s.Counts().Sessions - before; n != 1 {
				t.Errorf("%s, %v: %d sessions", c.Name(), target.Security, n)
			}
		}
	}
}

// A server that is not there, or not to be trusted, is an error for each: no
// figure may come from sessions that failed.
func TestSession_FailsWhereTheServerIsNoGood(t *testing.T) {
	s, _, _ := listen(t)
	_, _, stranger := listen(t)
	a := s.Addresses()
	for _, target := range []Target{{a.Clear[0], StartTLS, stranger}, {a.Implicit[0], Implicit, stranger}, {"127.0.0.1:1", Clear, nil}} {
		for _, c := range append(everyone(), guardeds()...) {
			if c.Session(t.Context(), target) == nil {
				t.Errorf("%s, %v: no error", c.Name(), target.Security)
			}
		}
	}
}

func TestSend_ARefusedMessageIsAnError(t *testing.T) {
	srv, err := smtptest.NewServer(smtptest.Config{On: map[string]smtptest.Step{"CONTENT": smtptest.Say("554 5.6.0 no")}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for _, way := range []Way{{}, {Chunked: true}, {Chunked: true, One: true}} {
		for _, c := range everyone() {
			sender, err := c.Ready(t.Context(), Target{Address: srv.Addr()}, NewLetter(1000, way))
			if err != nil {
				t.Fatal(err)
			}
			if sender.Send(t.Context()) == nil {
				t.Error(c.Name(), way, "no error")
			}
			_ = sender.Close()
		}
	}
}
