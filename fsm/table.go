package fsm

import "github.com/looplab/fsm"

// Row is one row of the table: Trigger moves a session from any of From to To.
type Row struct {
	Trigger Trigger
	From    []State
	To      State
}

// Table returns every transition there is.
func Table() []Row {
	return []Row{
		{Connect, []State{Idle, Closed}, Resolve},
		{Resolved, []State{Resolve}, Dial},
		{Dialed, []State{Dial}, Greeting},
		{Wrapped, []State{Dial}, TLS},
		{Secured, []State{TLS}, Greeting},
		{Secured, []State{StartTLS}, Ehlo},
		{Greeted, []State{Greeting}, Ehlo},
		{Upgrade, []State{Ehlo}, StartTLS},
		{Hello, []State{Ehlo}, Ready},
		{Authenticate, []State{Ready}, Auth},
		{Deliver, []State{Ready}, Mail},
		{Answered, []State{Auth, Mail}, Ready},
		{Retry, []State{Resolve, Dial, TLS, Greeting, Ehlo, StartTLS}, Backoff},
		{Again, []State{Backoff}, Resolve},
		{Leave, []State{Ready}, Quit},
		{Close, []State{Idle, Resolve, Dial, TLS, Greeting, Ehlo, StartTLS, Ready, Auth, Mail, Backoff, Quit}, Closed},
	}
}

// newRules returns a looplab machine that holds the table. It has no
// callbacks, no metadata and no asynchronous transitions.
func newRules() *fsm.FSM {
	var events fsm.Events
	for _, row := range Table() {
		from := make([]string, len(row.From))
		for i, s := range row.From {
			from[i] = s.String()
		}
		events = append(events, fsm.EventDesc{Name: row.Trigger.String(), Src: from, Dst: row.To.String()})
	}
	return fsm.NewFSM(Idle.String(), events, nil)
}

// Diagram returns the table as a mermaid state diagram, drawn by looplab/fsm.
func Diagram() (string, error) {
	return fsm.VisualizeForMermaidWithGraphType(newRules(), fsm.StateDiagram)
}
