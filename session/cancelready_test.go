package session

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// connected makes a session that is ready, and what collects its events.
func connected(t *testing.T, c Config) (*Session, func() []events.Event) {
	t.Helper()
	s := newSession(t, c)
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, evs
}

// An awaiting request is one that its server, or its Authenticator, keeps waiting.
type awaiting struct {
	config func(testing.TB) Config
	verb   string
	phase  fsm.State
	ask    func(context.Context, *Session) error
}

func runningRequests() map[string]awaiting {
	all := map[string]awaiting{}
	for name, config := range runningNoops() {
		all["NOOP/"+name] = awaiting{config, "NOOP", fsm.Ready, noop}
	}
	for _, p := range places() {
		if p.phase == fsm.Auth || p.phase == fsm.Mail {
			all[p.name] = awaiting{func(t testing.TB) Config { return p.config(memory(t, p.server(smtptest.Silence()))) }, p.command(), p.phase, p.ask}
		}
	}
	// An Authenticator waits for a token; the look-up ends with its context.
	all["token"] = awaiting{func(t testing.TB) Config {
		srv := memory(t, smtptest.Config{Mode: smtptest.Implicit, Tokens: map[string]string{"user": "token"}})
		c := reach(srv, SecureImplicit|Extended)
		c.Dialer = srv
		return c
	}, "AUTH", fsm.Auth, func(ctx context.Context, s *Session) error {
		return s.Authenticate(ctx, WithUserName("user"), WithToken(func(ctx context.Context) (auth.Token, error) {
			<-ctx.Done()
			return auth.Token{}, ctx.Err()
		}))
	}}
	return all
}

// runningNoops are the ways a server keeps a NOOP waiting.
func runningNoops() map[string]func(testing.TB) Config {
	at := func(mode smtptest.TLSMode, o Options, step smtptest.Step) func(testing.TB) Config {
		return func(t testing.TB) Config { return stepped(mode, o, "NOOP", step)(t, memory) }
	}
	slow := smtptest.Trickle("250-"+strings.Repeat("a", 1000)+"\r\n", time.Second)
	return map[string]func(testing.TB) Config{
		"silence":             at(smtptest.Plain, Extended, smtptest.Silence()),
		"trickle":             at(smtptest.Plain, Extended, slow),
		"silence within TLS":  at(smtptest.Implicit, SecureImplicit, smtptest.Silence()),
		"trickle within TLS":  at(smtptest.StartTLS, SecureExplicit, slow),
		"full window":         func(t testing.TB) Config { return deaf(t, nil) },
		"full window of TLS":  func(t testing.TB) Config { return deaf(t, new(tls.Config)) },
		"unasked half a line": at(smtptest.Plain, Extended, smtptest.SayRaw("25")),
	}
}

// deaf returns what reaches a server that reads nothing after EHLO, behind a
// window of 4 octets.
func deaf(t testing.TB, cfg *tls.Config) Config {
	authority, err := smtptest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate(smtptest.CertOptions{Names: []string{"192.0.2.1"}})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{HostName: "192.0.2.1", LocalName: "client.test", TLS: &tls.Config{RootCAs: authority.Pool()}}
	if cfg != nil {
		c.Options = SecureImplicit
		cfg = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	c.Dialer = dialFunc(func(context.Context, string, string) (net.Conn, error) {
		client, server := smtptest.Pipe(4)
		t.Cleanup(func() { _ = server.Close() })
		go func() {
			var conn net.Conn = server
			if cfg != nil {
				conn = tls.Server(server, cfg)
			}
			_, _ = io.WriteString(conn, "220 hi\r\n")
			_, _ = io.ReadFull(conn, make([]byte, len("HELO client.test\r\n")))
			_, _ = io.WriteString(conn, "250 hello\r\n")
		}()
		return client, nil
	})
	return c
}

func TestInvariant_4_CancelEndsARunningRequestAtOnce(t *testing.T) {
	for name, r := range runningRequests() {
		for _, way := range ways()[:3] {
			bubble(t, name+"/"+way.name, func(t *testing.T) {
				s, evs := connected(t, r.config(t))
				const after = 10 * time.Second
				ctx, end := way.begin(s, after)
				ended := make(chan error, 1)
				go func() { ended <- r.ask(ctx, s) }()
				queued := make(chan error, 1)
				<-time.After(time.Second)
				go func() { queued <- s.Noop(context.Background()) }()
				<-time.After(after - time.Second - 1)
				if waiting := s.Snapshot().Waiting; waiting < 1 {
					t.Errorf("%d requests wait", waiting)
				}
				begun := time.Now()
				_ = end()
				err := <-ended
				other := <-queued
				if took := time.Since(begun); took > 1 {
					t.Errorf("took %v", took)
				}
				<-s.Done()
				for _, is := range way.is {
					if !errors.Is(err, is) {
						t.Errorf("%v is not %v", err, is)
					}
				}
				var e *smtp.Error
				if !errors.As(err, &e) || e.Command != r.verb || e.Phase != r.phase.String() || smtp.Code(err) != 10004 {
					t.Errorf("code %d: %v", smtp.Code(err), err)
				}
				for _, is := range way.err {
					if !errors.Is(s.Err(), is) {
						t.Errorf("Err: %v is not %v", s.Err(), is)
					}
				}
				if !errors.Is(other, smtp.ErrNotConnected) || !errors.Is(other, way.err[0]) {
					t.Errorf("the one that waited behind it: %v", other)
				}
				all := evs()
				checkLife(t, all)
				last := all[len(all)-1].(events.OnDisconnect)
				if last.Reason != events.Local || (last.Err == nil) != (way.name == "Close") {
					t.Errorf("%v, %v", last.Reason, last.Err)
				}
				if again := s.Noop(context.Background()); !errors.Is(again, smtp.ErrNotConnected) && !errors.Is(again, smtp.ErrClosed) {
					t.Errorf("afterwards: %v", again)
				}
			})
		}
	}
}

// later answers after a while.
func later(d time.Duration, reply string) smtptest.Step {
	return func(c *smtptest.Conn) {
		select {
		case <-time.After(d):
		case <-c.Context().Done():
		}
		_ = c.Write(reply)
	}
}

func TestInvariant_4_AQueuedNoopIsTakenOutAndTheSessionIsUnhurt(t *testing.T) {
	for _, way := range ways()[:2] {
		bubble(t, way.name, func(t *testing.T) {
			srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"NOOP": later(time.Minute, "250 ok\r\n")}})
			s, evs := connected(t, Config{HostName: srv.Host(), Dialer: srv})
			first, second, third := make(chan error, 1), make(chan error, 1), make(chan error, 1)
			go func() { first <- s.Noop(t.Context()) }()
			synctest.Wait()
			ctx, end := way.begin(s, 10*time.Second)
			go func() { second <- s.Noop(ctx) }()
			synctest.Wait()
			go func() { third <- s.Noop(t.Context()) }()
			<-time.After(10*time.Second - 1)
			begun := time.Now()
			_ = end()
			err := <-second
			if took := time.Since(begun); took > 1 {
				t.Errorf("took %v", took)
			}
			for _, is := range way.is {
				if !errors.Is(err, is) {
					t.Errorf("%v is not %v", err, is)
				}
			}
			if err := <-first; err != nil {
				t.Errorf("the one before: %v", err)
			}
			if err := <-third; err != nil {
				t.Errorf("the one behind: %v", err)
			}
			if s.State() != fsm.Ready || len(srv.Commands()) != 3 {
				t.Errorf("%v, %q", s.State(), srv.Commands())
			}
			if err := s.Disconnect(t.Context()); err != nil {
				t.Error(err)
			}
			checkLife(t, evs())
		})
	}
}

// A request waits through the connect: its cancel leaves the connect alone, and
// a connect that fails answers it.
func TestInvariant_4_ANoopDuringTheConnectIsTakenOut(t *testing.T) {
	bubble(t, "canceled", func(t *testing.T) {
		srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": later(time.Minute, "220 hi\r\n")}})
		s := newSession(t, Config{HostName: srv.Host(), Dialer: srv})
		evs := record(t, s)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if err := s.Noop(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if err := s.Noop(t.Context()); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		_ = s.Disconnect(t.Context())
		checkLife(t, evs())
	})
	bubble(t, "the connect fails", func(t *testing.T) {
		srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": later(time.Minute, "554 no\r\n")}})
		s := newSession(t, Config{HostName: srv.Host(), Dialer: srv})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Noop(t.Context()); !errors.Is(err, smtp.ErrNotConnected) || !errors.Is(err, smtp.ErrReply) {
			t.Error(err)
		}
	})
}

func TestInvariant_4_CancelEndsADisconnectAtOnce(t *testing.T) {
	quit := map[string]func(t *testing.T) Config{
		"QUIT unanswered": func(t *testing.T) Config {
			return stepped(smtptest.Plain, Extended, "QUIT", smtptest.Silence())(t, memory)
		},
		"full window":        func(t *testing.T) Config { return deaf(t, nil) },
		"full window of TLS": func(t *testing.T) Config { return deaf(t, new(tls.Config)) },
	}
	for name, config := range quit {
		for _, way := range ways()[:3] {
			bubble(t, name+"/"+way.name, func(t *testing.T) {
				s, evs := connected(t, config(t))
				const after = 3 * time.Second
				ctx, end := way.begin(s, after)
				ended := make(chan error, 1)
				go func() { ended <- s.Disconnect(ctx) }()
				<-time.After(after - 1)
				if s.State() != fsm.Quit {
					t.Errorf("in %v", s.State())
				}
				begun := time.Now()
				_ = end()
				err := <-ended
				if took := time.Since(begun); took > 1 {
					t.Errorf("took %v", took)
				}
				for _, is := range way.is {
					if !errors.Is(err, is) {
						t.Errorf("%v is not %v", err, is)
					}
				}
				if !errors.Is(s.Err(), smtp.ErrClosed) {
					t.Errorf("Err: %v", s.Err())
				}
				checkLife(t, evs())
			})
		}
		bubble(t, name+"/a context that has ended", func(t *testing.T) {
			s, evs := connected(t, config(t))
			if err := s.Disconnect(canceledContext()); !errors.Is(err, context.Canceled) {
				t.Errorf("%v: the socket was closed before QUIT was answered", err)
			}
			checkLife(t, evs())
		})
		bubble(t, name+"/behind a running NOOP", func(t *testing.T) {
			c := config(t)
			if name == "QUIT unanswered" {
				c = stepped(smtptest.Plain, Extended, "NOOP", smtptest.Silence())(t, memory)
			}
			s, evs := connected(t, c)
			noop := make(chan error, 1)
			go func() { noop <- s.Noop(context.Background()) }()
			synctest.Wait()
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errMine)
			defer cancel()
			begun := time.Now()
			if err := s.Disconnect(ctx); !errors.Is(err, errMine) || time.Since(begun) != time.Second {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
			if err := <-noop; !errors.Is(err, smtp.ErrCanceled) {
				t.Errorf("the NOOP: %v", err)
			}
			checkLife(t, evs())
		})
	}
}
