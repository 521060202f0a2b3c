// Package fsm is the table of a session's states: which [State] may follow
// which, by which [Trigger], as data ([Table]). looplab/fsm is the only
// authority on transitions: a [Machine] goes by what it says of every trigger in
// every state.
//
// The package knows no SMTP and no sockets. The diagram of the README is drawn
// from the table by [Diagram].
package fsm
