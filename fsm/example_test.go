package fsm_test

import (
	"fmt"

	"github.com/ehlo-go/ehlo/fsm"
)

func ExampleMachine() {
	var m fsm.Machine
	for _, t := range []fsm.Trigger{fsm.Connect, fsm.Resolved, fsm.Dialed, fsm.Greeted, fsm.Hello} {
		if err := m.Fire(t); err != nil {
			fmt.Println(err)
		}
		fmt.Println(m.State())
	}
	fmt.Println(m.Fire(fsm.Connect))
	// Output:
	// resolve
	// dial
	// greeting
	// ehlo
	// ready
	// fsm: event connect inappropriate in current state ready
}
