package session

import (
	"context"
	"errors"
	"slices"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// transact serves a Transaction from MAIL to its end.
func (a *actor) transact(ctx context.Context, d *delivery) error {
	if err := a.compose(d); err != nil {
		d.cause = err
		return nil
	}
	if over, err := a.introduce(ctx, d); over || err != nil {
		return err
	}
	a.openTransaction(d.steps)
	return a.serveSteps(ctx, d)
}

// closeTransaction gives the session back to everyone.
func (a *actor) closeTransaction(t *Transaction) {
	a.s.mu.Lock()
	t.over = true
	late := a.l.steps
	a.l.open, a.l.steps, a.l.stepping = nil, nil, false
	a.s.mu.Unlock()
	if t.end != nil {
		t.end()
	}
	for _, r := range late {
		a.answer(r, smtp.Reply{}, errOver(r.verb))
	}
}

// openTransaction answers Begin. From here on the session is the transaction's.
func (a *actor) openTransaction(t *Transaction) {
	r := a.serving
	a.serving = nil
	t.l = a.l
	t.end = context.AfterFunc(t.ctx, func() { t.expire(t.ctx) })
	a.s.mu.Lock()
	a.l.open = t
	a.s.mu.Unlock()
	a.answer(r, a.reply, nil)
}

// serveSteps serves the steps, and parks between them.
func (a *actor) serveSteps(ctx context.Context, d *delivery) error {
	for {
		r, stop, err := a.nextStep(d.steps)
		switch {
		case err != nil:
			return err
		case stop != nil:
			d.cause = stop
			return a.abandon(d)
		case r != nil:
			a.serving = r
			over, stepErr, fatal := r.step(inherit(r.ctx, ctx), a)
			if fatal == nil {
				fatal = a.hookErr
			}
			if fatal != nil {
				fatal = a.explain(fsm.Mail, fatal)
				stepErr = fatal
			}
			r.err = stepErr
			if fatal != nil || over {
				return fatal
			}
			a.s.mu.Lock()
			a.l.stepping = false
			a.s.mu.Unlock()
			a.serving = nil
			a.answer(r, a.reply, stepErr)
			continue
		}
		a.s.feeds.Publish(fsm.Mail)
		if a.conn.Park(a.idleSteps) {
			if a.mailing.body.open { // it is the answer to the content, too early
				return a.interrupted(d, "DATA", a.unsolicited())
			}
			return a.goodbye()
		}
	}
}

// nextStep takes what comes next: the session's end, the transaction's, a step
// or nothing.
func (a *actor) nextStep(t *Transaction) (r *request, stop, err error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	switch {
	case a.l.cut != nil:
		return nil, nil, a.endedLocked()
	case t.expired != nil:
		return nil, &smtp.Error{Kind: smtp.KindCanceled, Err: t.expired}, nil
	case a.l.leaving:
		return nil, &smtp.Error{Kind: smtp.KindCanceled, Err: errors.New("Disconnect was called")}, nil
	}
	for len(a.l.steps) > 0 {
		r = a.l.steps[0]
		a.l.steps = slices.Delete(a.l.steps, 0, 1)
		if !a.l.gone(r) {
			r.status = running
			a.l.stepping = true
			return r, nil, nil
		}
	}
	return nil, nil, nil
}

// idleSteps is resting for a transaction.
func (a *actor) idleSteps() bool {
	return a.l.cut == nil && !a.l.leaving && len(a.l.steps) == 0 && a.l.open.expired == nil
}

// abandon ends a transaction that is not to be delivered: RSET is owed, but
// where DATA has begun only the end of the connection ends it.
func (a *actor) abandon(d *delivery) error {
	if a.mailing.body.open {
		return named(d.cause, "DATA")
	}
	return nil
}

// addRecipient says RCPT for one more.
func (a *actor) addRecipient(ctx context.Context, d *delivery, to smtp.Recipient) (err, fatal error) {
	if a.mailing.body.open || d.receipt.Octets > 0 {
		return named(smtp.Invalid("the content has begun"), "RCPT"), nil
	}
	limits := d.limits()
	f := &a.mailing.flight
	f.empty()
	i := len(d.receipt.Recipients)
	d.receipt.Recipients = append(d.receipt.Recipients, smtp.RecipientReceipt{Address: to.Address})
	if limits.RcptMax > 0 && d.asked >= limits.RcptMax {
		err = tooManyRecipients(limits)
	} else {
		f.out, err = to.AppendCommand(f.out, d.terms, d.mail.AsksUTF8(d.terms, d.facts))
	}
	if err != nil {
		d.leaveOut(i, err)
		return d.receipt.Recipients[i].Err, nil
	}
	f.line("RCPT", i)
	d.asked++
	if fatal = a.depart(ctx, d, f.due, f.out, nil); fatal == nil {
		fatal = a.collect(d, f.due)
	}
	if fatal != nil {
		return fatal, fatal
	}
	return d.receipt.Recipients[i].Err, nil
}

// addContent sends more of the content, or the last of it.
func (a *actor) addContent(ctx context.Context, d *delivery, block []byte, last bool) (over bool, err, fatal error) {
	b := &a.mailing.body
	if d.accepted == 0 {
		if d.cause == nil && len(d.receipt.Recipients) == 0 {
			d.cause = named(d.refusedHere(), "DATA")
		}
		return last, d.refusedHere(), nil
	}
	if err := b.encode(block, last); err != nil {
		fatal = a.giveUp(d, err)
		return true, err, fatal
	}
	over, fatal = a.push(ctx, d, last)
	if fatal != nil {
		return true, fatal, fatal
	}
	return over, d.cause, nil
}
