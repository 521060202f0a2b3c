package session

import (
	"errors"
	"runtime"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// ready serves the mailbox, and parks while it is empty, until the session
// leaves or is left.
func (a *actor) ready() (fsm.Trigger, error) {
	for {
		if a.hookErr != nil {
			return 0, a.hookErr
		}
		r, leave, err := a.nextRequest()
		switch {
		case err != nil:
			return 0, err
		case leave:
			return fsm.Leave, nil
		case r != nil && r.login != nil:
			a.serving = r
			return fsm.Authenticate, nil
		case r != nil && r.delivery != nil:
			a.serving = r
			return fsm.Deliver, nil
		case r != nil:
			if err := a.serve(r); err != nil {
				return 0, err
			}
			continue
		}
		a.s.feeds.Publish(fsm.Ready)
		runtime.Gosched() // who was just answered may have more, which saves the park
		if a.conn.Park(a.resting) {
			return 0, a.unsolicited()
		}
	}
}

// nextRequest takes what comes next: an end, a Disconnect, a request or none.
func (a *actor) nextRequest() (r *request, leave bool, err error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if err := a.endedLocked(); err != nil {
		return nil, false, err
	}
	if a.l.leaving {
		return nil, true, nil
	}
	r = a.l.mailbox.take()
	for r != nil && a.l.gone(r) {
		r = a.l.mailbox.take()
	}
	return r, false, nil
}

// gone reports a request whose caller has gone and has only not yet taken it
// out: nothing is sent. The lock is held.
func (*life) gone(r *request) bool {
	if r.ctx.Err() == nil {
		return false
	}
	r.status = complete
	r.err = &smtp.Error{Kind: smtp.KindCanceled, Command: r.verb, Err: contextError(r.ctx)}
	r.answered <- struct{}{}
	return true
}

// resting reports whether there is nothing to do. Park calls it under the lock.
func (a *actor) resting() bool {
	return a.l.cut == nil && !a.l.leaving && len(a.l.mailbox.queue) == 0
}

// serve runs one command. Its error is that of the session: a refused command
// is only the caller's.
func (a *actor) serve(r *request) error {
	a.serving = r
	begun := time.Now()
	reply, err := a.exchange(r.ctx, r.verb, r.line, a.plan.timeouts.Command, true)
	if err == nil {
		err = a.settle(r)
	}
	if err == nil && r.verb == "RSET" && reply.Positive() {
		a.owes = false
	}
	over := err != nil // and not only a refusal
	if err == nil {
		if err = refusal(reply); err != nil {
			e := asError(err)
			e.Command = r.verb
			over = e.Kind == smtp.KindProtocol || reply.Code == 421
		}
	}
	if err != nil {
		err = a.explain(fsm.Ready, err)
	}
	if h, ok := a.heard(events.KindCommand); ok {
		a.tell(events.OnCommand{Header: h, Verb: r.verb, Reply: reply, Err: err, Elapsed: time.Since(begun)})
	}
	a.answer(r, reply, err)
	a.serving = nil
	if !over {
		return a.hookErr
	}
	return errors.Join(err, a.hookErr)
}
