package session

import (
	"fmt"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
)

// greeting waits for the server's first reply (RFC 5321 3.1). Any 2yz greets.
func (a *actor) greeting() (fsm.Trigger, error) {
	r, err := a.conn.ReadReply(a.plan.timeouts.Greeting, false)
	if err != nil {
		return 0, a.hintPort(err)
	}
	a.note(r)
	a.facts.Reply = r
	if err := refusal(r); err != nil {
		return 0, err
	}
	if h, ok := a.heard(events.KindGreeting); ok {
		a.tell(events.OnGreeting{Header: h, Reply: r})
	}
	return fsm.Greeted, nil
}

// hintPort says what silence on port 465 usually means.
func (a *actor) hintPort(err error) error {
	e := asError(err)
	if a.mistakenPort(fsm.Greeting, e) {
		e.Err = fmt.Errorf("%w (port %d usually wants SecureImplicit)", e.Err, portSubmissions)
	}
	return e
}
