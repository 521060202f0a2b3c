package main

import (
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/show"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// The line tells the outcomes apart, and who is alive now; it fits on a terminal.
func TestWatch_Line(t *testing.T) {
	w := &watch{tally: newTally(), began: time.Now()}
	for id := range uint64(20) {
		w.registry.LifeStart(t.Context(), events.Handle{ID: id, Snapshot: func() events.Snapshot { return events.Snapshot{State: fsm.Ready} }})
	}
	for o, n := range map[smtp.Outcome]int64{smtp.Accepted: 1234, smtp.Rejected: 12, smtp.NotSent: 3, smtp.Unknown: 2} {
		w.tally.outcomes[o].Add(n)
	}
	w.tally.retries.Add(13)
	const want = "    0s  20 live, 13 retries; 1234 accepted, 12 rejected, 3 not sent, 2 unknown"
	if got := w.line(); got != want || show.Wide(got) >= show.Columns {
		t.Errorf("%q, want %q", got, want)
	}
}
