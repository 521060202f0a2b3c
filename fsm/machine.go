package fsm

import (
	"context"
	"fmt"
	"sync"

	"github.com/looplab/fsm"
)

// Machine is the state of one session: one octet, and the table as its rule
// book. The zero value is Idle. Only its owner may use it.
type Machine struct {
	state State
}

// rules holds looplab machines that are all alike: one costs 9 kB and 12 us to
// build, so sessions share them, a transition at a time.
var rules = sync.Pool{New: func() any { return newRules() }}

// State returns the current state.
func (m *Machine) State() State { return m.state }

// Fire makes the transition that t means in the current state. A transition
// that the table does not list is an error and leaves the state alone.
func (m *Machine) Fire(t Trigger) error {
	book := rules.Get().(*fsm.FSM)
	book.SetState(m.state.String())
	// Never a context that can end: looplab v1.0.3 stays in its transition for
	// good if the context ends inside it.
	if err := book.Event(context.Background(), t.String()); err != nil {
		return fmt.Errorf("fsm: %w", err) // and the book is not used again
	}
	to, ok := stateNamed(book.Current())
	if !ok {
		return fmt.Errorf("fsm: unknown state %q", book.Current())
	}
	rules.Put(book)
	m.state = to
	return nil
}

func stateNamed(name string) (State, bool) {
	for s := range states {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}
