package session

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// H25: a context that ends just as the answer arrives. Either the NOOP was
// answered and the session lives, or it was canceled and the session is closed;
// and the next NOOP never meets a deadline that was meant for this one.
func TestHostile_H25_ACancelThatMeetsTheAnswer(t *testing.T) {
	for name, mode := range map[string]smtptest.TLSMode{"plain": smtptest.Plain, "within TLS": smtptest.Implicit} {
		t.Run(name, func(t *testing.T) {
			rounds := 3000
			if mode != smtptest.Plain {
				rounds = 300 // a canceled one costs a handshake
			}
			var cancel atomic.Pointer[context.CancelFunc]
			var when atomic.Int32
			srv := loopback(t, smtptest.Config{Mode: mode, On: map[string]smtptest.Step{"NOOP": func(c *smtptest.Conn) {
				f := cancel.Swap(nil)
				n := int(when.Load())
				switch {
				case f == nil:
					c.Usual()
				case n%2 == 0: // on another goroutine, a little before or after
					go func() { spin(n); (*f)() }()
					c.Usual()
				default:
					_ = c.Write("250 ok\r\n")
					spin(n)
					(*f)()
				}
			}}})
			// A hook takes its time, as the tracing of a real program does.
			slow := onEvent(events.KindCommand, func(events.Event) { runtime.Gosched() })
			p := place{options: Extended}
			if mode == smtptest.Implicit {
				p.options |= SecureImplicit
			}
			c := p.config(srv)
			c.Hooks = []events.Hook{slow}
			s := newSession(t, c)
			answered, canceled := 0, 0
			for i := range rounds {
				if s.State() != fsm.Ready {
					if err := s.Connect(context.Background()); err != nil {
						t.Fatalf("round %d: Connect: %v", i, err)
					}
				}
				ctx, stop := context.WithCancel(context.Background())
				when.Store(int32(i % 400))
				cancel.Store(&stop)
				err := s.Noop(ctx)
				if f := cancel.Swap(nil); f != nil {
					t.Fatalf("round %d: the NOOP never came: %v", i, err)
				}
				switch {
				case err == nil:
					answered++
					if err := s.Noop(context.Background()); err != nil {
						t.Fatalf("round %d: the next NOOP: %v; Err: %v", i, err, s.Err())
					}
				case errors.Is(err, context.Canceled) && smtp.Code(err) == 10004:
					canceled++
					within(t, s.Done(), "the end")
					if !errors.Is(s.Err(), context.Canceled) {
						t.Fatalf("round %d: Err: %v", i, s.Err())
					}
				default:
					t.Fatalf("round %d: %v", i, err)
				}
				stop()
			}
			t.Logf("%d answered, %d canceled", answered, canceled)
			if answered < rounds/100 || canceled < rounds/100 {
				t.Errorf("%d answered, %d canceled: the race is not run", answered, canceled)
			}
		})
	}
}

func spin(n int) {
	for range n {
		runtime.Gosched()
	}
}

// The same for the end of Connect's context.
func TestHostile_H25_ACancelThatMeetsReady(t *testing.T) {
	var cancel atomic.Pointer[context.CancelFunc]
	var when atomic.Int32
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"HELO": func(c *smtptest.Conn) {
		f, n := cancel.Load(), int(when.Load())
		go func() { spin(n); (*f)() }()
		c.Usual()
	}}})
	s := newSession(t, place{}.config(srv))
	ready, canceled := 0, 0
	for i := range 1000 {
		evs := record(t, s)
		ctx, stop := context.WithCancel(context.Background())
		when.Store(int32(i % 300))
		cancel.Store(&stop)
		var err error
		if i%2 == 0 {
			err = s.Connect(ctx)
		} else {
			if err = s.Start(ctx); err == nil {
				err = s.Wait(context.Background())
			}
		}
		switch {
		case err == nil:
			ready++
			if err := s.Noop(context.Background()); err != nil {
				t.Fatalf("round %d: the next NOOP: %v; Err: %v", i, err, s.Err())
			}
			if err := s.Disconnect(context.Background()); err != nil {
				t.Fatalf("round %d: Disconnect: %v", i, err)
			}
		case errors.Is(err, context.Canceled):
			canceled++
			within(t, s.Done(), "the end")
		default:
			t.Fatalf("round %d: %v", i, err)
		}
		stop()
		checkLife(t, evs())
	}
	t.Logf("%d ready, %d canceled", ready, canceled)
	if ready == 0 || canceled == 0 {
		t.Errorf("%d ready, %d canceled: the race is not run", ready, canceled)
	}
}
