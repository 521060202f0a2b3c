package fsm

import (
	"context"
	"fmt"
	"sync"
)

// Machine is the state of one session: one octet. The zero value is Idle. Only
// its owner may use it.
type Machine struct {
	state State
}

// verdict is what looplab says of a trigger in a state.
type verdict struct {
	to  State
	err error // the table does not list it
}

// book holds looplab's verdict on every trigger in every state. With neither
// callbacks nor metadata a machine of looplab has no say but this, and it costs
// 9 kB and 12 us to build and five allocations to ask. So it is asked once.
var book = sync.OnceValue(func() *[states][triggers]verdict {
	var all [states][triggers]verdict
	rules := newRules()
	for _, from := range States() {
		for _, t := range Triggers() {
			rules.SetState(from.String())
			// Never a context that can end: looplab v1.0.3 stays in its transition for
			// good if the context ends inside it.
			v := &all[from][t]
			if v.err = rules.Event(context.Background(), t.String()); v.err == nil {
				v.to, v.err = stateNamed(rules.Current())
			}
		}
	}
	return &all
})

// State returns the current state.
func (m *Machine) State() State { return m.state }

// Fire makes the transition that t means in the current state. A transition
// that the table does not list is an error and leaves the state alone.
func (m *Machine) Fire(t Trigger) error {
	if t >= triggers {
		return fmt.Errorf("fsm: there is no trigger %d", t)
	}
	v := &book()[m.state][t]
	if v.err != nil {
		return fmt.Errorf("fsm: %w", v.err)
	}
	m.state = v.to
	return nil
}

func stateNamed(name string) (State, error) {
	for s := range states {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("unknown state %q", name)
}
