package session

import (
	"context"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// starttls upgrades the connection (RFC 3207). What was learnt in clear is
// forgotten; EHLO comes again.
func (a *actor) starttls(ctx context.Context) (fsm.Trigger, error) {
	r, err := a.exchange(ctx, "STARTTLS", "STARTTLS", a.plan.timeouts.StartTLS, true)
	if err != nil {
		return 0, err
	}
	a.facts.Reply = r
	if err := refusal(r); err != nil {
		e := asError(err)
		e.Command, e.Permanent = "STARTTLS", false // another time or another host may do
		return 0, e
	}
	a.caps, a.extended = smtp.Capabilities{}, false
	return fsm.Secured, a.handshake()
}
