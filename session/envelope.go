package session

import (
	"context"
	"fmt"

	"github.com/ehlo-go/ehlo/smtp"
)

// compose writes the envelope's command lines into the flight, with what may end
// it: DATA, or in a full flight the header of the content. An error refuses the
// message before anything is sent.
func (a *actor) compose(d *delivery) (err error) {
	f := &a.mailing.flight
	f.empty()
	limits := d.limits()
	if limits.MailMax > 0 && a.mails >= limits.MailMax {
		return &smtp.Error{Kind: smtp.KindSessionSpent, Command: "MAIL", Err: fmt.Errorf("LIMITS MAILMAX=%d (RFC 9422): Connect again", limits.MailMax)}
	}
	if a.owes {
		f.say("RSET")
	}
	if f.out, err = d.mail.AppendCommand(f.out, d.terms, d.facts); err != nil {
		return named(err, "MAIL")
	}
	f.line("MAIL", 0)
	utf8 := d.mail.AsksUTF8(d.terms, d.facts)
	for i := range d.recipients {
		if limits.RcptMax > 0 && d.asked == limits.RcptMax {
			d.leaveOut(i, tooManyRecipients(limits))
			continue
		}
		line, err := d.recipients[i].AppendCommand(f.out, d.terms, utf8)
		if err != nil {
			d.leaveOut(i, err)
			continue
		}
		f.out = line
		f.line("RCPT", i)
		d.asked++
	}
	switch {
	case d.steps != nil:
		a.mailing.body.reset(d)
		return nil
	case d.asked == 0:
		return d.refusedHere()
	case d.message.Policy == smtp.AllOrNothing && d.asked < len(d.recipients):
		return d.someRefused()
	}
	return a.composeEnd(d)
}

// limits returns what the server bears (RFC 9422). What cannot be read sets no limit.
func (d *delivery) limits() smtp.Limits {
	if !d.terms.Extended {
		return smtp.Limits{}
	}
	l, _ := smtp.ParseLimits(d.terms.Capabilities)
	return l
}

func tooManyRecipients(l smtp.Limits) error {
	return &smtp.Error{Kind: smtp.KindNotOffered, Enhanced: smtp.EnhancedCode{Class: 4, Subject: 5, Detail: 3}, Err: fmt.Errorf("LIMITS RCPTMAX=%d (RFC 9422): send it to the others by another message", l.RcptMax)}
}

// composeEnd adds what may end the flight, and prepares the content.
func (a *actor) composeEnd(d *delivery) error {
	b, m := &a.mailing.body, d.message
	b.reset(d)
	if !a.pipelines(d) || m.Policy == smtp.AllOrNothing && d.asked > 1 {
		return nil
	}
	switch {
	case b.chunked && a.s.config.Flight == Full && !a.owes && !a.wary && !d.lent() && d.content.size() <= firstBlock && !d.lmtp:
		block, last, err := d.content.next(context.Background())
		if err == nil {
			err = b.encode(block, last)
		}
		if err != nil {
			return err
		}
		f := &a.mailing.flight
		f.out = append(f.out, b.chunk(octetsOf(b.pieces), true)...)
		f.due = append(f.due, command{verb: "BDAT", last: true, end: len(f.out)})
		d.blind = true
	case !b.chunked:
		a.mailing.flight.say("DATA")
	}
	return nil
}

// refusedHere is why nothing is sent where no recipient can be asked for: none was
// given to a Transaction, or each was refused.
func (d *delivery) refusedHere() error {
	if len(d.receipt.Recipients) > 0 {
		return d.receipt.Recipients[0].Err
	}
	return smtp.Invalid("no recipient: AddRecipient comes first")
}
