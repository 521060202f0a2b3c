package session

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// grammar is that of the package comment of events with one letter a kind, see letterOf:
//
//	life    = {attempt OnRetry} attempt (OnError{Final} | OnConnect {work} OnDisconnect)
//	attempt = OnResolve OnDial [OnSecure] OnGreeting OnHello [OnSecure OnHello], or cut short: [OnTimeout|OnCancel] [OnDisconnect]
//
// An OnDisconnect is owed exactly where there was an OnDial.
var grammar = regexp.MustCompile(strings.NewReplacer(
	"<short>", `(?:R?[TX]?|RD(?:S|SG|SGH|G|GH|GHS|GHSH)?[TX]?L)`,
	"<whole>", `RD(?:SGH|GH|GHSH)`,
	"<work>", `[cavpmTXe]*`,
).Replace(`^(?:<short>r)*(?:<short>E|<whole>C<work>L)$`))

func letterOf(e events.Event) string {
	if e, ok := e.(events.OnError); ok && !e.Final {
		return "e"
	}
	letter, ok := map[events.Kind]string{
		events.KindResolve: "R", events.KindDial: "D", events.KindGreeting: "G", events.KindHello: "H", events.KindSecure: "S",
		events.KindConnect: "C", events.KindCommand: "c", events.KindAuthenticate: "a", events.KindRecipient: "v", events.KindProgress: "p", events.KindMessage: "m", events.KindRetry: "r", events.KindTimeout: "T", events.KindCancel: "X",
		events.KindError: "E", events.KindDisconnect: "L", events.KindStateChange: "",
	}[e.Kind()]
	if !ok {
		return "?"
	}
	return letter
}

// told says in which states an event may come.
func told(k events.Kind) []fsm.State {
	switch k {
	case events.KindResolve:
		return []fsm.State{fsm.Resolve}
	case events.KindDial:
		return []fsm.State{fsm.Dial}
	case events.KindSecure:
		return []fsm.State{fsm.TLS, fsm.StartTLS}
	case events.KindGreeting:
		return []fsm.State{fsm.Greeting}
	case events.KindHello:
		return []fsm.State{fsm.Ehlo}
	case events.KindConnect, events.KindCommand:
		return []fsm.State{fsm.Ready}
	case events.KindRecipient, events.KindProgress:
		return []fsm.State{fsm.Mail}
	case events.KindMessage:
		return []fsm.State{fsm.Ready, fsm.Mail}
	case events.KindAuthenticate:
		return []fsm.State{fsm.Ready, fsm.Auth}
	case events.KindRetry:
		return []fsm.State{fsm.Backoff}
	case events.KindDisconnect:
		return []fsm.State{fsm.Backoff, fsm.Closed}
	case events.KindError:
		return []fsm.State{fsm.Closed}
	case events.KindTimeout, events.KindCancel:
		return []fsm.State{fsm.Resolve, fsm.Dial, fsm.TLS, fsm.Greeting, fsm.Ehlo, fsm.StartTLS, fsm.Backoff, fsm.Ready, fsm.Auth, fsm.Mail, fsm.Quit}
	default:
		return nil
	}
}

// checkLife fails unless evs, the whole of what a subscriber of all kinds heard
// from before a life to its end, obeys the grammar, the table of states and the
// promises of events.Header.
func checkLife(t testing.TB, evs []events.Event) {
	t.Helper()
	if err := parseLife(evs); err != nil {
		var b strings.Builder
		for _, e := range evs {
			fmt.Fprintf(&b, "\n  %+v", describe(e))
		}
		t.Errorf("%v:%s", err, b.String())
	}
}

func describe(e events.Event) string {
	h := e.Head()
	line := fmt.Sprintf("%d life %d attempt %d %v %v", h.Seq, h.Life, h.Attempt, h.State, e.Kind())
	if e, ok := e.(events.OnStateChange); ok {
		line += fmt.Sprintf(" %v -> %v", e.From, e.To)
	}
	if e, ok := e.(events.OnError); ok {
		line += fmt.Sprintf(" final=%v %v", e.Final, e.Err)
	}
	if e, ok := e.(events.OnDisconnect); ok {
		line += fmt.Sprintf(" %v %v", e.Reason, e.Err)
	}
	if e, ok := e.(events.OnRetry); ok {
		line += fmt.Sprintf(" after %v: %v", e.Delay, e.Err)
	}
	if e, ok := e.(events.OnCommand); ok {
		line += fmt.Sprintf(" %s %v", e.Verb, e.Err)
	}
	return line
}

func parseLife(evs []events.Event) error {
	if len(evs) == 0 {
		return errors.New("no event, not even the first state")
	}
	first, ok := evs[0].(events.OnStateChange)
	if !ok || first.From != first.To || first.To != fsm.Idle && first.To != fsm.Closed {
		return fmt.Errorf("begins with %s, want the state idle or closed", describe(evs[0]))
	}
	if len(evs) == 1 {
		return errors.New("ends without a last event")
	}
	if err := parseHeaders(first, evs[1:]); err != nil {
		return err
	}
	var letters strings.Builder
	for _, e := range evs[1:] {
		letters.WriteString(letterOf(e))
	}
	if !grammar.MatchString(letters.String()) {
		return fmt.Errorf("%q does not parse as %v", letters.String(), grammar)
	}
	return parseEnd(evs, letters.String())
}

// parseHeaders follows Seq, Life, Attempt, Time and State.
func parseHeaders(first events.OnStateChange, evs []events.Event) error {
	state, last, life, retries := first.To, first.Header, evs[0].Head().Life, 0
	for _, e := range evs {
		h := e.Head()
		switch {
		case h.Seq != last.Seq+1:
			return fmt.Errorf("%s: Seq after %d", describe(e), last.Seq)
		case h.Session != first.Session:
			return fmt.Errorf("%s: session %d, was %d", describe(e), h.Session, first.Session)
		case h.Life != life:
			return fmt.Errorf("%s: life was %d", describe(e), life)
		case h.Time.Before(last.Time):
			return fmt.Errorf("%s: before %v", describe(e), last.Time)
		}
		if change, ok := e.(events.OnStateChange); ok {
			if change.From != state || !listed(change.From, change.To) {
				return fmt.Errorf("%s: the state was %v", describe(e), state)
			}
			state = change.To
		} else if !slices.Contains(told(e.Kind()), state) {
			return fmt.Errorf("%s: not to be told in %v", describe(e), state)
		}
		if h.State != state {
			return fmt.Errorf("%s: the state is %v", describe(e), state)
		}
		// Where a life begins or backs off, and has not begun the next attempt,
		// the number is still the old one.
		begun := strings.Contains("RDSGHCcavpmr", letterOf(e)) && letterOf(e) != ""
		if h.Attempt != retries+1 && (begun || h.Attempt != retries) {
			return fmt.Errorf("%s: after %d OnRetry", describe(e), retries)
		}
		if e.Kind() == events.KindRetry {
			retries++
		}
		last = h
	}
	if state != fsm.Closed {
		return fmt.Errorf("the life ends in %v", state)
	}
	return nil
}

// parseEnd looks at what C24 says of the end: a timeout is also OnTimeout, a
// cancel also OnCancel, before the last event.
func parseEnd(evs []events.Event, letters string) error {
	var cause error
	lastAttempt := letters[strings.LastIndexByte(letters, 'r')+1:]
	if e, ok := evs[len(evs)-1].(events.OnError); ok {
		if cause = e.Err; cause == nil {
			return errors.New("the final OnError has no error")
		}
	}
	if e, ok := evs[len(evs)-1].(events.OnDisconnect); ok {
		cause = e.Err
		if e.Reason == events.Local && cause != nil && !errors.Is(cause, smtp.ErrCanceled) {
			return fmt.Errorf("OnDisconnect{Local} after OnConnect with %w", cause)
		}
	}
	for _, row := range []struct {
		is     error
		letter string
	}{{smtp.ErrTimeout, "T"}, {smtp.ErrCanceled, "X"}} {
		want := cause != nil && errors.Is(cause, row.is)
		if got := strings.Contains(lastAttempt, row.letter); got != want && !errors.Is(cause, smtp.ErrPanic) {
			return fmt.Errorf("the end is %v, and %q in %q is %v", cause, row.letter, lastAttempt, got)
		}
	}
	return nil
}

func listed(from, to fsm.State) bool {
	for _, row := range fsm.Table() {
		if row.To == to && slices.Contains(row.From, from) {
			return true
		}
	}
	return false
}
