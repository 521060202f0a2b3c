package events_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// life makes a session with a hook, connects it, does what there is to do and
// disconnects, here from a server in memory.
func life(hook events.Hook, do func(context.Context, *session.Session)) {
	server := smtptest.NewMemoryServer(smtptest.Config{})
	defer server.Close()
	s, err := session.New(session.Config{HostAddress: server.Host(), Dialer: server, LocalName: "client.example",
		Options: session.Extended, Hooks: []events.Hook{hook}})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := s.Connect(ctx); err != nil {
		log.Fatal(err)
	}
	do(ctx, s)
	_ = s.Disconnect(ctx)
	<-s.Done()
}

// stopwatch is a hook whose scopes nest: what a Start returns, the Starts inside get.
type stopwatch struct{}

type depth struct{}

func deeper(ctx context.Context, what string) context.Context {
	n, _ := ctx.Value(depth{}).(int)
	fmt.Println(strings.Repeat("  ", n) + what)
	return context.WithValue(ctx, depth{}, n+1)
}

func (stopwatch) ConnectStart(ctx context.Context, s events.ConnectStart) context.Context {
	return deeper(ctx, "connect "+s.Host)
}
func (stopwatch) ConnectEnd(context.Context, events.ConnectEnd) {}
func (stopwatch) PhaseStart(ctx context.Context, s events.PhaseStart) context.Context {
	return deeper(ctx, s.Phase.String())
}
func (stopwatch) PhaseEnd(context.Context, events.PhaseEnd) {}
func (stopwatch) CommandStart(ctx context.Context, s events.CommandStart) context.Context {
	return deeper(ctx, s.Verb)
}
func (stopwatch) CommandEnd(context.Context, events.CommandEnd) {}

// A ConnectHook that is a PhaseHook and a CommandHook as well. NOOP was asked for by a
// caller, and has that one's context.
func ExampleConnectHook() {
	life(stopwatch{}, func(ctx context.Context, s *session.Session) { _ = s.Noop(ctx) })
	// Output:
	// connect 192.0.2.25
	//   resolve
	//   dial
	//   greeting
	//   ehlo
	//     EHLO
	// NOOP
	//   QUIT
}

// roll keeps who is there.
type roll map[uint64]events.Handle

func (r roll) LifeStart(_ context.Context, h events.Handle) { r[h.ID] = h }
func (r roll) LifeEnd(_ context.Context, h events.Handle)   { delete(r, h.ID) }

// A roll of the sessions that are alive. With more than one goroutine that makes
// sessions it needs a mutex; package live has one.
func ExampleLifeHook() {
	r := roll{}
	life(r, func(context.Context, *session.Session) {
		for _, h := range r {
			fmt.Println(h.Snapshot().State, len(r))
		}
	})
	fmt.Println(len(r))
	// Output:
	// ready 1
	// 0
}

// obituary says how lives ended.
type obituary struct{}

func (obituary) LifeOver(_ context.Context, e events.LifeOver) {
	fmt.Println("life", e.Life, "is over:", e.Err)
}

func ExampleEndHook() {
	life(obituary{}, func(context.Context, *session.Session) {})
	// Output: life 1 is over: <nil>
}

// misses counts what subscribers were too slow for.
type misses uint64

func (m *misses) EventsMissed(_ context.Context, n uint64) { *m += misses(n) }

// A subscriber that reads nothing, and has room for one event.
func ExampleMissHook() {
	var m misses
	life(&m, func(ctx context.Context, s *session.Session) {
		_, stop := s.Subscribe(events.Filter{Buffer: 1, Kinds: events.MaskOf(events.KindCommand)})
		defer stop()
		for range 5 {
			_ = s.Noop(ctx)
		}
	})
	fmt.Println(m > 0)
	// Output: true
}

// A callback that panics is told, and the next event comes all the same.
func ExampleHandlers_onPanic() {
	h := events.Handlers{
		OnCommand: func(e events.OnCommand) {
			if e.Verb == "VRFY" {
				panic("no idea")
			}
			fmt.Println(e.Verb)
		},
		OnPanic: func(e events.Event, err error) {
			var p *smtp.PanicError
			fmt.Println(e.Kind(), errors.As(err, &p), p.Value)
		},
	}
	ch := make(chan events.Event, 2) // Session.Subscribe(events.Filter{Kinds: h.Kinds()})
	ch <- events.OnCommand{Verb: "VRFY"}
	ch <- events.OnCommand{Verb: "NOOP"}
	close(ch)
	fmt.Println(errors.Is(h.Dispatch(ch), smtp.ErrPanic))
	// Output:
	// OnCommand true no idea
	// NOOP
	// true
}
