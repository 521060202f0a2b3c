package events_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// Feeds are what a session sends its events through; here the example plays
// the session.
func ExampleFeeds() {
	var f events.Feeds
	ch, stop := f.Subscribe(events.Filter{Buffer: 1, Kinds: events.MaskOf(events.KindRetry)}, events.Header{Session: 1, Life: 1})
	defer stop()

	for range 3 {
		if seq, wanted := f.Advance(fsm.Backoff, events.KindRetry); wanted {
			f.Send(events.OnRetry{Header: events.Header{Session: 1, Seq: seq}})
		}
	}
	f.Finish(fsm.Closed, events.KindError, true, func(seq uint64) events.Event {
		return events.OnError{Header: events.Header{Session: 1, Seq: seq}, Err: smtp.ErrTimeout, Final: true}
	})

	h := events.Handlers{
		OnStateChange: func(e events.OnStateChange) { fmt.Println("state", e.To) },
		OnRetry:       func(e events.OnRetry) { fmt.Println("retry", e.Seq) },
		Lagged:        func(e events.Lagged) { fmt.Println("missed", e.Missed) },
		OnError:       func(e events.OnError) { fmt.Println("error", e.Seq, e.Err) },
	}
	h.Dispatch(ch) // until the end of the life
	// Output:
	// state idle
	// retry 1
	// missed 2
	// error 4 timed out
}

func ExampleHandlers() {
	h := events.Handlers{
		OnConnect: func(e events.OnConnect) { fmt.Println("connected to", e.Host) },
		OnDisconnect: func(e events.OnDisconnect) {
			fmt.Println("ended by", e.Reason, e.Reply)
		},
	}
	ch := make(chan events.Event, 4) // Session.Subscribe(events.Filter{Kinds: h.Kinds()})
	ch <- events.OnConnect{Host: "mx.example"}
	ch <- events.OnCommand{Verb: "NOOP"}
	ch <- events.OnDisconnect{Reason: events.Remote, Reply: smtp.Reply{Code: 421, Text: "bye"}}
	close(ch)
	h.Dispatch(ch)
	// Output:
	// connected to mx.example
	// ended by remote 421 bye
}

// attempts is a hook that encloses each attempt.
type attempts struct{}

func (attempts) AttemptStart(ctx context.Context, s events.AttemptStart) context.Context {
	fmt.Println("attempt", s.Attempt, "after", s.Delay)
	return ctx
}

func (attempts) AttemptEnd(_ context.Context, e events.AttemptEnd) {
	fmt.Println("attempt", e.Attempt, "ended:", e.Err)
}

func ExampleSortHooks() {
	hooks, err := events.SortHooks([]events.Hook{attempts{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, _ := hooks.AttemptStart(context.Background(), events.AttemptStart{Attempt: 2, Delay: time.Second})
	_ = hooks.AttemptEnd(ctx, events.AttemptEnd{Attempt: 2, Err: smtp.ErrRefused})

	_, err = events.SortHooks([]events.Hook{"no hook"})
	fmt.Println(errors.Is(err, smtp.ErrInvalid))
	// Output:
	// attempt 2 after 1s
	// attempt 2 ended: connection refused
	// true
}

// calls is a hook whose context tells a blocking call that it would wait for
// itself.
type calls struct{}

func (calls) Kinds() events.Mask { return events.MaskOf(events.KindRetry) }

func (calls) Event(ctx context.Context, e events.Event) {
	fmt.Println(e.Kind(), events.InHook(ctx))
}

func ExampleInHook() {
	hooks, _ := events.SortHooks([]events.Hook{calls{}})
	_ = hooks.Event(context.Background(), events.OnRetry{})
	fmt.Println(events.InHook(context.Background()))
	// Output:
	// OnRetry true
	// false
}

func ExampleMaskOf() {
	m := events.MaskOf(events.KindConnect, events.KindDisconnect)
	for _, k := range events.Kinds() {
		if m.Has(k) {
			fmt.Println(k)
		}
	}
	// Output:
	// OnConnect
	// OnDisconnect
}

func ExampleSnapshot() {
	s := events.Snapshot{ID: 12, State: fsm.Ready, Host: "mx.example", Port: 587, Remote: "192.0.2.1:587", Reply: smtp.Reply{Code: 250, Text: "ok"}}
	fmt.Println(s)
	// Output: session 12 ready mx.example:587 (192.0.2.1:587): 250 ok
}

// One channel for any number of sessions, here with callbacks.
func ExampleHub() {
	hub := new(events.Hub) // goes into the Config of every session
	h := events.Handlers{
		OnMessage:    func(e events.OnMessage) { fmt.Println("session", e.Session, "sent a message") },
		OnDisconnect: func(e events.OnDisconnect) { fmt.Println("session", e.Session, "is over:", e.Reason) },
		Lagged:       func(e events.Lagged) { fmt.Println("too slow for", e.Missed, "events") },
	}
	ch, cancel := hub.Subscribe(events.Filter{Buffer: 10_000, Kinds: h.Kinds()})

	// What two sessions tell; only package session does this.
	for id := range uint64(2) {
		s := events.Feeds{Hub: hub}
		s.Begin()
		seq, _ := s.Advance(fsm.Ready, events.KindMessage)
		s.Send(events.OnMessage{Header: events.Header{Session: id + 1, Seq: seq}})
		s.Finish(fsm.Closed, events.KindDisconnect, true, func(seq uint64) events.Event {
			return events.OnDisconnect{Header: events.Header{Session: id + 1, Seq: seq}}
		})
	}

	cancel() // what is in the channel can still be read
	fmt.Println(h.Dispatch(ch))
	// Output:
	// session 1 sent a message
	// session 1 is over: local
	// session 2 sent a message
	// session 2 is over: local
	// <nil>
}
