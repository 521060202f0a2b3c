package session

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// A goodbye is how a server leaves a session that rests.
type goodbye struct {
	name   string
	line   string               // what it says
	leave  func(*smtptest.Conn) // and what it does then, if anything
	reason events.Reason
}

func goodbyes() []goodbye {
	shut := func(c *smtptest.Conn) { c.Close() }
	cut := func(c *smtptest.Conn) { // FIN, and no close_notify within TLS
		if half, ok := c.NetConn().(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}
	return []goodbye{
		{"421", "421 4.3.2 going down\r\n", nil, events.Remote},
		{"421 and FIN", "421 4.3.2 going down\r\n", shut, events.Remote},
		{"421 of two lines and a cut", "421-4.3.2 going\r\n421 4.3.2 down\r\n", cut, events.Remote},
		{"451", "451 4.4.2 timeout\r\n", nil, events.Remote},
		{"451 and FIN", "451 4.4.2 timeout\r\n", shut, events.Remote},
		{"554", "554 5.7.0 out\r\n", nil, events.Remote},
		{"FIN", "", shut, events.Remote},
		{"cut", "", cut, events.Remote},
	}
}

func modes() map[string]place {
	return map[string]place{
		"plain":    {options: Extended},
		"STARTTLS": {mode: smtptest.StartTLS, options: SecureExplicit},
		"implicit": {mode: smtptest.Implicit, options: Extended | SecureImplicit},
	}
}

// checkGoodbye waits for the end of a life that the server ended, and looks at
// how it is told.
func checkGoodbye(t *testing.T, s *Session, srv *smtptest.Server, evs func() []events.Event, g goodbye) {
	t.Helper()
	within(t, s.Done(), "the end")
	all := evs()
	checkLife(t, all)
	last, ok := all[len(all)-1].(events.OnDisconnect)
	if !ok {
		t.Fatalf("%v", kindsOf(all))
	}
	code := 0
	if len(g.line) > 0 {
		_, _ = fmt.Sscanf(g.line, "%d", &code)
	}
	if last.Reason != g.reason || last.Reply.Code != code {
		t.Errorf("%v, reply %v, want %v, %d: %v", last.Reason, last.Reply, g.reason, code, last.Err)
	}
	var e *smtp.Error
	if !errors.As(last.Err, &e) || e.Phase != "ready" || e.Kind != smtp.KindReply && e.Kind != smtp.KindLost || !errors.Is(s.Err(), last.Err) {
		t.Errorf("%v; Err: %v", last.Err, s.Err())
	}
	if s.State() != fsm.Closed {
		t.Errorf("in %v", s.State())
	}
	said := len(srv.Commands())
	if err := s.Noop(t.Context()); !errors.Is(err, smtp.ErrNotConnected) {
		t.Errorf("a NOOP then: %v", err)
	}
	allClosed(t, srv)
	if commands := srv.Commands(); len(commands) != said {
		t.Errorf("it was used again: %q", commands)
	}
}

// In one write with the last reply: TLS holds it already when the session comes
// to rest, and so may our own buffer.
func TestHostile_H22_AGoodbyeInTheSegmentOfTheLastReply(t *testing.T) {
	makers := map[string]maker{"memory": memory, "loopback": loopback}
	for where, newServer := range makers {
		for mode, p := range modes() {
			for _, g := range goodbyes() {
				t.Run(where+"/"+mode+"/NOOP/"+g.name, func(t *testing.T) {
					p := p
					p.moment = "NOOP"
					srv := newServer(t, p.server(func(c *smtptest.Conn) {
						_ = c.Write("250 ok\r\n" + g.line)
						if g.leave != nil {
							g.leave(c)
						}
					}))
					s, evs := connected(t, p.config(srv))
					if err := s.Noop(t.Context()); err != nil {
						t.Errorf("the NOOP was answered: %v", err)
					}
					checkGoodbye(t, s, srv, evs, g)
				})
				t.Run(where+"/"+mode+"/EHLO/"+g.name, func(t *testing.T) {
					p := p
					p.moment, p.once = "EHLO", p.mode == smtptest.StartTLS
					srv := newServer(t, p.server(func(c *smtptest.Conn) {
						_ = c.Write("250-hello\r\n250 SIZE 9\r\n" + g.line)
						if g.leave != nil {
							g.leave(c)
						}
					}))
					s, evs := connected(t, p.config(srv))
					checkGoodbye(t, s, srv, evs, g)
				})
			}
		}
	}
}

// In memory the bubble says when the session rests; nothing may wake it for an
// hour, and then the goodbye must, at once.
func TestHostile_H22_AGoodbyeToASessionThatRests(t *testing.T) {
	for mode, p := range modes() {
		for _, g := range append(goodbyes(), goodbye{name: "RST", leave: func(c *smtptest.Conn) { c.Reset() }, reason: events.Failure}) {
			bubble(t, mode+"/"+g.name, func(t *testing.T) {
				conns := make(chan *smtptest.Conn, 1)
				p.moment = "NOOP"
				srv := memory(t, p.server(func(c *smtptest.Conn) { conns <- c; c.Usual() }))
				s, evs := connected(t, p.config(srv))
				if err := s.Noop(t.Context()); err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Hour)
				if s.State() != fsm.Ready {
					t.Fatalf("in %v: %v", s.State(), s.Err()) // TLS tickets are nothing
				}
				if g.line != "" {
					srv.Say(g.line)
				}
				c := <-conns
				if g.leave != nil {
					g.leave(c)
				}
				begun := time.Now()
				checkGoodbye(t, s, srv, evs, g)
				if took := time.Since(begun); took != 0 && took != 500*time.Millisecond { // that is the server's linger
					t.Errorf("took %v", took)
				}
				synctest.Wait()
			})
		}
	}
}

// On sockets, around the moment at which the session comes to rest: again and
// again, a little before and a little after.
func TestHostile_H22_AGoodbyeWhileTheSessionComesToRest(t *testing.T) {
	for mode, p := range modes() {
		for _, g := range goodbyes() {
			t.Run(mode+"/"+g.name, func(t *testing.T) {
				rounds := 60
				if p.mode != smtptest.Plain {
					rounds = 6
				}
				for i := range rounds {
					left := make(chan time.Time, 1)
					p.moment = "NOOP"
					srv := loopback(t, p.server(func(c *smtptest.Conn) {
						_ = c.Write("250 ok\r\n")
						spin(i * i % 1000)
						left <- time.Now()
						if g.line != "" {
							_ = c.Write(g.line)
						}
						if g.leave != nil {
							g.leave(c)
						}
					}))
					s, evs := connected(t, p.config(srv))
					if err := s.Noop(t.Context()); err != nil {
						t.Fatalf("the NOOP was answered: %v", err)
					}
					within(t, s.Done(), "the end")
					if took := time.Since(<-left); took > time.Second {
						t.Errorf("round %d: took %v", i, took)
					}
					checkGoodbye(t, s, srv, evs, g)
				}
			})
		}
	}
}

func TestHostile_H22_AResetOfASessionThatRests(t *testing.T) {
	for mode, p := range modes() {
		t.Run(mode, func(t *testing.T) {
			for range 20 {
				srv := loopback(t, p.server(nil))
				s, evs := connected(t, p.config(srv))
				srv.ResetConns()
				checkGoodbye(t, s, srv, evs, goodbye{reason: events.Failure})
			}
		})
	}
}

// A NOOP that meets the goodbye is not sent, or is answered with it.
func TestHostile_H22_ARequestThatMeetsTheGoodbye(t *testing.T) {
	for mode, p := range modes() {
		for _, g := range goodbyes() {
			t.Run(mode+"/"+g.name, func(t *testing.T) {
				rounds := 40
				if p.mode != smtptest.Plain {
					rounds = 5
				}
				for i := range rounds {
					conns := make(chan *smtptest.Conn, 1)
					p.moment = "NOOP"
					srv := loopback(t, p.server(func(c *smtptest.Conn) {
						select {
						case conns <- c:
						default:
						}
						c.Usual()
					}))
					s, evs := connected(t, p.config(srv))
					if err := s.Noop(t.Context()); err != nil {
						t.Fatal(err)
					}
					c := <-conns
					go func() {
						spin(i)
						if g.line != "" {
							srv.Say(g.line)
						}
						if g.leave != nil {
							g.leave(c)
						}
					}()
					var err error
					for range 10000 {
						if err = s.Noop(t.Context()); err != nil {
							break
						}
					}
					var e *smtp.Error
					if !errors.As(err, &e) {
						t.Fatalf("round %d: %v", i, err)
					}
					switch e.Kind {
					case smtp.KindNotConnected:
					case smtp.KindReply:
						if g.line == "" || smtp.Code(err)/100 == 2 {
							t.Errorf("round %d: %v", i, err)
						}
					case smtp.KindLost:
						if g.line != "" && g.leave == nil || errors.Is(err, net.ErrClosed) {
							t.Errorf("round %d: %v", i, err)
						}
					case smtp.KindProtocol: // its answer was on the way behind the goodbye
					default:
						t.Errorf("round %d: %v", i, err)
					}
					if smtp.Code(err) != 451 && smtp.Code(err) != 554 { // these may have been the NOOP's own
						within(t, s.Done(), "the end")
					}
					_ = s.Close()
					checkLife(t, evs())
				}
			})
		}
	}
}
