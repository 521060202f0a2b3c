package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// exchange sends one command and reads its reply: the scope that CommandHooks
// see. The error is that of the connection or of the protocol; whether the reply
// is consent is for the caller to say.
func (a *actor) exchange(ctx context.Context, verb, line string, limit time.Duration, enhanced bool) (smtp.Reply, error) {
	start := events.CommandStart{Session: a.s.id, Verb: verb}
	if a.s.machine.State() == fsm.Ready {
		start.Request = a.request()
	}
	inside, err := a.s.hooks.CommandStart(ctx, start)
	var r smtp.Reply
	if err == nil {
		r, err = a.say(line, limit, enhanced)
	}
	if a.secrets != nil {
		a.challenge = r.Text
		r, err = a.hide(r, err)
	}
	told := err
	if told == nil && !r.Intermediate() {
		told = refusal(r)
	}
	err = errors.Join(a.s.hooks.CommandEnd(inside, events.CommandEnd{Verb: verb, Reply: r, Err: told}), err)
	if err != nil {
		e := asError(err)
		e.Command = verb
		return r, e
	}
	a.note(r)
	return r, nil
}

// say writes a line and reads a reply. What the server said before it was asked
// is no reply to this command: a goodbye, or a broken protocol, and nothing is
// sent. QUIT goes out all the same.
func (a *actor) say(line string, limit time.Duration, enhanced bool) (smtp.Reply, error) {
	if line != "QUIT" && !a.conn.Quiet() || a.conn.Buffered() > 0 {
		return smtp.Reply{}, a.unsolicited()
	}
	if err := a.conn.WriteLine(line, limit); err != nil {
		return smtp.Reply{}, err
	}
	return a.conn.ReadReply(limit, enhanced)
}

// refusal is nil for 2yz, else why the reply is no consent.
func refusal(r smtp.Reply) error {
	switch {
	case r.Positive():
		return nil
	case r.Negative():
		return &smtp.Error{Kind: smtp.KindReply, Reply: r, Permanent: r.Permanent()}
	}
	return &smtp.Error{Kind: smtp.KindProtocol, Reply: r, Err: fmt.Errorf("%d where 2yz, 4yz or 5yz was due", r.Code)}
}
