package show

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
)

// fall makes a waterfall of states, each entered step after the one before.
func fall(step time.Duration, states ...fsm.State) *waterfall {
	w := &waterfall{}
	at := time.Unix(1000, 0)
	from := fsm.Idle
	for _, to := range states {
		w.add(events.OnStateChange{Header: events.Header{Time: at}, From: from, To: to})
		at, from = at.Add(step), to
	}
	return w
}

func TestWaterfall_Rows(t *testing.T) {
	w := fall(time.Second, fsm.Resolve, fsm.Dial, fsm.Backoff, fsm.Resolve, fsm.Dial, fsm.TLS, fsm.Greeting, fsm.Ehlo,
		fsm.Ready, fsm.Auth, fsm.Quit, fsm.Closed)
	rows := w.rows(Palette{})
	var got []string
	column := -1
	for _, row := range rows {
		if Wide(row) != Columns {
			t.Errorf("%d columns: %q", Wide(row), row)
		}
		name := strings.TrimSpace(row[:2+nameColumn])
		got = append(got, name)
		if strings.HasPrefix(name, "attempt") {
			continue
		}
		bar := []rune(row)
		first := slices.IndexFunc(bar, func(r rune) bool { return r == '█' || r == '·' })
		if first <= column {
			t.Errorf("a bar begins before the one above:\n%s", strings.Join(rows, "\n"))
		}
		column = first
		if !strings.HasSuffix(row, "   1.00 s") {
			t.Errorf("not a second: %q", row)
		}
	}
	want := []string{"attempt 1", "resolve", "dial", "back-off", "attempt 2", "resolve", "dial", "tls", "greeting", "ehlo", "auth", "quit"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if !strings.HasSuffix(rows[0], "   2.00 s") || !strings.HasSuffix(rows[4], "   5.00 s") {
		t.Errorf("the sums of the attempts:\n%s", strings.Join(rows, "\n"))
	}
}

// What failed is red, and nothing else.
func TestWaterfall_Failed(t *testing.T) {
	w := fall(time.Second, fsm.Resolve, fsm.Dial, fsm.Backoff, fsm.Resolve, fsm.Closed)
	var red []bool
	for _, row := range w.rows(Palette{true}) {
		red = append(red, strings.Contains(row, "\x1b[31m"))
	}
	if want := []bool{true, false, true, false, true, true}; !slices.Equal(red, want) {
		t.Errorf("%v, want %v", red, want)
	}
}

// A login that was refused is red, though the session is ready again.
func TestWaterfall_RefusedLogin(t *testing.T) {
	for _, err := range []error{nil, errors.New("no")} {
		w := fall(time.Second, fsm.Resolve, fsm.Ready, fsm.Auth, fsm.Ready)
		w.judge(fsm.Auth, err)
		w.add(events.OnStateChange{Header: events.Header{Time: time.Unix(1005, 0)}, From: fsm.Ready, To: fsm.Quit})
		w.add(events.OnStateChange{Header: events.Header{Time: time.Unix(1006, 0)}, From: fsm.Quit, To: fsm.Closed})
		var red []string
		for _, row := range w.rows(Palette{true}) {
			if name := strings.Fields(row)[0]; name == "auth" && strings.Contains(row, "\x1b[34m") != (err == nil) {
				t.Errorf("%v: not as the other phases: %q", err, row)
			}
			if strings.Contains(row, "\x1b[31m") {
				red = append(red, strings.Fields(row)[0])
			}
		}
		if want := err != nil; want != slices.Equal(red, []string{"auth"}) || !want && red != nil {
			t.Errorf("%v: red is %q", err, red)
		}
	}
	fall(0).judge(fsm.Auth, nil) // no bar: no panic
	w := fall(time.Second, fsm.Resolve)
	w.judge(fsm.Auth, errors.New("no"))
	if w.bars[0].failed {
		t.Error("another bar is judged")
	}
}

// A message that did not reach everybody is red, whatever the state after it.
func TestWaterfall_Message(t *testing.T) {
	for _, after := range []fsm.State{fsm.Ready, fsm.Closed} {
		for colour, err := range map[string]error{"\x1b[34m": nil, "\x1b[31m": errors.New("no")} {
			w := fall(time.Second, fsm.Resolve, fsm.Ready, fsm.Mail, after)
			w.judge(fsm.Mail, err)
			w.judge(fsm.Auth, nil) // of another bar
			rows := w.rows(Palette{true})
			if last := rows[len(rows)-1]; !strings.HasPrefix(last, "  mail ") || !strings.Contains(last, colour+"█") {
				t.Errorf("%v, %v: %q", after, err, last)
			}
		}
	}
}

func TestWaterfall_Empty(t *testing.T) {
	if rows := fall(0, fsm.Closed).rows(Palette{}); rows != nil {
		t.Errorf("%q", rows)
	}
	if rows := fall(0, fsm.Resolve, fsm.Closed).rows(Palette{}); len(rows) != 2 {
		t.Errorf("%q", rows)
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		offset, length, total time.Duration
		lead, n               int
	}{
		{0, 0, 0, 0, 1},
		{0, 100, 100, 0, barColumn},
		{0, 0, 100, 0, 1},
		{100, 0, 100, barColumn - 1, 1},
		{99, 1, 100, barColumn - 1, 1},
		{0, time.Nanosecond, time.Hour, 0, 1},
	} {
		if lead, n := place(c.offset, c.length, c.total); lead != c.lead || n != c.n {
			t.Errorf("%v: %d, %d", c, lead, n)
		}
	}
}
