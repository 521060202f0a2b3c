package session

import (
	"errors"
	"fmt"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
)

// failed takes an error of the connection. A 421 answers every command that is
// still owed an answer, but not where the content has left and there is an acceptance
// behind it, which may be that of the content.
func (a *actor) failed(d *delivery, err error) error {
	e := asError(err)
	if e.Kind != smtp.KindReply {
		return err
	}
	if d.handed && a.acceptsAhead() {
		d.doubtAll()
	} else {
		d.reject(e.Command, e.Reply, e)
	}
	return err
}

// collect takes the answers to a group of commands.
func (a *actor) collect(d *delivery, group []command) error {
	for i := range group {
		c := &group[i]
		if c.last {
			return a.collectEnd(d, c)
		}
		r, err := a.hear(c)
		if err == nil {
			err = a.collectOne(d, c, r)
		} else {
			err = a.failed(d, err)
		}
		if err != nil {
			a.unanswered(group[i:], err)
			return err
		}
	}
	return nil
}

func (a *actor) collectOne(d *delivery, c *command, r smtp.Reply) error {
	why := refusal(r)
	switch {
	case c.verb == "DATA":
		switch {
		case d.accepted == 0 && r.Negative(): // as it has to be
			return nil
		case !d.opened:
			return d.outOfStep(c, r)
		}
		_, err := a.mayGoOn(d, r)
		return err
	case why != nil && !r.Negative():
		return named(why, c.verb)
	case c.verb == "RSET":
		if why != nil { // else the next RCPT might join the old transaction
			return unreset(r, why)
		}
		a.owes = false
	case c.verb == "MAIL":
		a.mails++
		if why != nil {
			if a.wary && r.Code == 503 { // the transaction before is open still, and the message may come after RSET
				a.owes = true
				asError(why).Permanent = false
			}
			d.reject("MAIL", r, why)
			return nil
		}
		d.opened, a.owes, a.wary = true, true, false
	case c.verb == "RCPT":
		if !d.opened && why == nil {
			return d.outOfStep(c, r)
		}
		if d.opened {
			d.take(c.to, r)
			a.tellRecipient(&d.receipt.Recipients[c.to])
		}
	}
	return nil
}

// outOfStep is a server that refused MAIL and goes on as if it had not: or that was no
// answer to MAIL. Where the content has left, nobody knows what is.
func (d *delivery) outOfStep(c *command, r smtp.Reply) error {
	if d.handed {
		d.doubtAll()
	}
	return &smtp.Error{Kind: smtp.KindProtocol, Command: c.verb, Reply: r, Err: fmt.Errorf("%d after MAIL was refused", r.Code)}
}

// collectEnd takes the answer to a BDAT LAST that travelled with its envelope.
func (a *actor) collectEnd(d *delivery, c *command) error {
	var err error
	if d.accepted > 0 {
		err = a.end(d, c)
	} else {
		err = a.endForNobody(d, c)
	}
	if err == nil && (a.reply.Code == 500 || a.reply.Code == 502) {
		err = &smtp.Error{Kind: smtp.KindProtocol, Command: c.verb, Reply: a.reply, Err: errors.New("BDAT is not known: its content may be taken for commands")}
	}
	return err
}

// endForNobody takes the answer to the end of a content that nobody is to get:
// the message is rejected, whatever it is.
func (a *actor) endForNobody(d *delivery, c *command) error {
	r, err := a.listen(c)
	defer func() { a.answered(c, r, err) }() // what its hooks do changes nothing
	switch {
	case err != nil:
		return a.failed(d, err)
	case r.Positive() && !d.opened:
		return d.outOfStep(c, r)
	case r.Intermediate():
		return named(refusal(r), c.verb)
	}
	if more, _ := a.tooMany(c, r); more != nil {
		if c.verb == "BDAT" { // the content had left before the first answer, and somebody may have it
			d.doubtAll()
		}
		return more
	}
	d.final = true
	if c.verb == "." || r.Positive() {
		a.owes, a.wary = false, r.Negative()
	}
	return nil
}

func (a *actor) tellRecipient(to *smtp.RecipientReceipt) {
	if h, ok := a.heard(events.KindRecipient); ok {
		a.tell(events.OnRecipient{Header: h, Address: to.Address, Reply: to.Reply, Err: to.Err})
	}
}
