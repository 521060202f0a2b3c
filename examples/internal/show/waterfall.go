package show

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
)

// waterfall is when each phase began and ended, in order, as the changes of
// state tell it.
type waterfall struct{ bars []bar }

type bar struct {
	state    fsm.State
	attempt  int // 0: of no attempt
	from, to time.Time
	failed   bool
}

// add takes a transition: it ends one phase and begins the next.
func (w *waterfall) add(e events.OnStateChange) {
	attempt := 0
	if n := len(w.bars); n > 0 {
		last := &w.bars[n-1]
		if last.to.IsZero() {
			last.to = e.Time
			last.failed = e.From.Connecting() && (e.To == fsm.Backoff || e.To == fsm.Closed)
		}
		attempt = w.attempts()
	}
	switch e.To {
	case fsm.Resolve: // every attempt begins with it
		attempt++
	case fsm.Backoff, fsm.Auth, fsm.Mail, fsm.Quit:
		attempt = 0
	case fsm.Idle, fsm.Ready, fsm.Closed:
		return // no work is done there
	case fsm.Dial, fsm.TLS, fsm.Greeting, fsm.Ehlo, fsm.StartTLS:
	}
	w.bars = append(w.bars, bar{state: e.To, attempt: attempt, from: e.Time})
}

// judge tells how a login or a message ended, the newest bar: that the session is
// ready again does not.
func (w *waterfall) judge(of fsm.State, err error) {
	if n := len(w.bars); n > 0 && w.bars[n-1].state == of {
		w.bars[n-1].failed = err != nil
	}
}

// attempts returns the number of the newest attempt.
func (w *waterfall) attempts() int {
	n := 0
	for _, b := range w.bars {
		n = max(n, b.attempt)
	}
	return n
}

// of returns an attempt as one bar: from the beginning of its first phase to
// the end of its last.
func (w *waterfall) of(attempt int) bar {
	var all bar
	for _, b := range w.bars {
		if b.attempt != attempt {
			continue
		}
		if all.from.IsZero() {
			all = b
		}
		all.to, all.failed = b.to, b.failed
	}
	return all
}

// The columns of a row: name, bar, time.
const (
	nameColumn = 13
	barColumn  = Columns - 2 - nameColumn - 1 - timeColumn
)

// rows draws it: a row for each attempt, below it its phases, back-offs between.
func (w *waterfall) rows(p Palette) []string {
	if len(w.bars) == 0 {
		return nil
	}
	from, to := w.bars[0].from, w.bars[len(w.bars)-1].to
	row := func(name, block string, b bar, colour func(string) string) string {
		if b.failed {
			colour = p.Red
		}
		lead, length := place(b.from.Sub(from), b.to.Sub(b.from), to.Sub(from))
		return fmt.Sprintf("  %s%s%s%s %*s", pad(name, nameColumn), strings.Repeat(" ", lead),
			colour(strings.Repeat(block, length)), strings.Repeat(" ", barColumn-lead-length),
			timeColumn, short(b.to.Sub(b.from)))
	}
	var rows []string
	attempt := 0
	for _, b := range w.bars {
		switch {
		case b.state == fsm.Backoff:
			rows = append(rows, row("back-off", "·", b, p.Yellow))
			continue
		case b.state == fsm.Auth || b.state == fsm.Mail:
			rows = append(rows, row(b.state.String(), "█", b, p.blue))
			continue
		case b.attempt == 0:
			rows = append(rows, row(b.state.String(), "█", b, p.dim))
			continue
		case b.attempt != attempt:
			attempt = b.attempt
			rows = append(rows, row(fmt.Sprintf("attempt %d", attempt), "─", w.of(attempt), p.dim))
		}
		rows = append(rows, row("  "+b.state.String(), "█", b, p.blue))
	}
	return rows
}

// place returns where a bar begins and how long it is. The shortest is one
// column, and all of it stays in its columns.
func place(offset, length, total time.Duration) (lead, n int) {
	if total <= 0 {
		return 0, 1
	}
	scale := float64(barColumn) / float64(total)
	lead = min(int(float64(offset)*scale), barColumn-1)
	end := min(int(math.Round(float64(offset+length)*scale)), barColumn)
	return lead, max(end-lead, 1)
}
