// Package fsm is the table of a session's states: which [State] may follow
// which, by which [Trigger], as data ([Table]). looplab/fsm is the only
// authority on transitions; a [Machine] asks it for every one.
//
// The package knows no SMTP and no sockets. The diagram of the README is drawn
// from the table by [Diagram].
package fsm
