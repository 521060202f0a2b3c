package session

import (
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// quit says QUIT and takes any answer (RFC 5321 4.1.1.10). A 2yz reply, the end
// of the connection and silence are all well; the life ends in any case.
func (a *actor) quit() (fsm.Trigger, error) {
	r, err := a.exchange(a.outside(), "QUIT", "QUIT", a.plan.timeouts.Quit, true)
	if err == nil {
		err = refusal(r)
	}
	if err == nil {
		return fsm.Close, nil
	}
	e := asError(a.explain(fsm.Quit, err))
	e.Command = "QUIT"
	switch e.Kind {
	case smtp.KindTimeout, smtp.KindLost:
	default:
		a.l.quitErr = e
	}
	return fsm.Close, nil
}
