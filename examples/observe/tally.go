package main

import (
	"context"
	"sync/atomic"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
)

// tally counts what the events of all sessions tell, for the status line and the
// summary. The metrics count by themselves. Safe for concurrent use.
type tally struct {
	ready    atomic.Int64 // connects that succeeded
	failed   atomic.Int64 // and those that did not
	retries  atomic.Int64
	refused  atomic.Int64                   // logins
	outcomes [smtp.Unknown + 1]atomic.Int64 // of messages
	partly   atomic.Int64                   // messages that only some recipients got, accepted ones

	on events.Handlers
}

var _ events.EventHook = (*tally)(nil)

func newTally() *tally {
	t := &tally{}
	t.on = events.Handlers{
		OnConnect: func(events.OnConnect) { t.ready.Add(1) },
		OnError: func(e events.OnError) {
			if e.Final {
				t.failed.Add(1)
			}
		},
		OnRetry: func(events.OnRetry) { t.retries.Add(1) },
		OnAuthenticate: func(e events.OnAuthenticate) {
			if e.Err != nil {
				t.refused.Add(1)
			}
		},
		OnMessage: func(e events.OnMessage) {
			t.outcomes[e.Receipt.Outcome].Add(1)
			if e.Receipt.Outcome == smtp.Accepted && e.Err != nil {
				t.partly.Add(1)
			}
		},
	}
	return t
}

// Kinds is for the session.
func (t *tally) Kinds() events.Mask { return t.on.Kinds() }

// Event is for the session.
func (t *tally) Event(_ context.Context, e events.Event) { _ = t.on.Handle(e) }

// of returns how many messages ended so.
func (t *tally) of(o smtp.Outcome) int64 { return t.outcomes[o].Load() }

// messages returns how many were decided.
func (t *tally) messages() (n int64) {
	for i := range t.outcomes {
		n += t.outcomes[i].Load()
	}
	return n
}
