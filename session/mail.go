package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// mail serves a Send or a Transaction (RFC 5321 3.3). What becomes of the
// message is in its receipt; the error is that of the session.
func (a *actor) mail(ctx context.Context) (fsm.Trigger, error) {
	r := a.serving
	d := r.delivery
	a.mailing = mailings.Get().(*mailing)
	defer func() {
		a.mailing.empty()
		clear(a.mailing.pieces[:cap(a.mailing.pieces)])
		clear(a.mailing.body.pieces[:cap(a.mailing.body.pieces)])
		a.mailing.body.encoder.Reset()
		a.mailing.pace = transport.Pace{}
		mailings.Put(a.mailing)
		a.mailing = nil
	}()
	d.begun = time.Now()
	d.terms = smtp.Terms{Capabilities: a.caps, Extended: a.extended, Verified: a.verified}
	d.lmtp = a.plan.lmtp
	a.delivery = d
	refused, err := a.putMessageToVeto(d)
	switch {
	case err != nil:
	case refused != nil:
		d.cause = refused
	case d.steps == nil:
		err = a.deliver(ctx, d)
	default:
		err = a.transact(ctx, d)
	}
	if err != nil {
		err = a.explain(fsm.Mail, err)
	}
	d.conclude(err)
	a.facts.Receipt, a.facts.Reply, a.facts.Err = d.receipt, d.receipt.Reply, d.receipt.Err()
	if err != nil {
		return 0, err
	}
	if r = a.serving; r == nil { // a Transaction that ended by itself
		return fsm.Answered, nil
	}
	if cut := a.settle(r); cut != nil { // what the receipt says is true all the same
		return 0, cut
	}
	return fsm.Answered, nil
}

// deliver sends one message whose content is known or lent.
func (a *actor) deliver(ctx context.Context, d *delivery) error {
	if d.lent() {
		var stop func()
		ctx, stop = a.cancelable(ctx, func() {})
		defer stop()
	}
	chunked := a.chunks(d)
	full, err := a.compose(d, chunked)
	d.blind = full
	if err != nil {
		d.cause = err
		return nil
	}
	over, err := a.introduce(ctx, d, full)
	if over || err != nil {
		return err
	}
	return a.pour(ctx, d)
}

// reset ends the transaction that was left open. A server that refuses it might
// join the next one to it, so the session is over.
func (a *actor) reset(ctx context.Context) error {
	r, err := a.exchange(ctx, "RSET", "RSET", a.plan.timeouts.Command, true)
	if err == nil {
		err = refusal(r)
	}
	if err == nil {
		a.owes = false
		return nil
	}
	if e := asError(err); e.Kind == smtp.KindReply {
		return unreset(e.Reply, err)
	}
	return err
}

// unreset is a server that keeps a transaction open.
func unreset(r smtp.Reply, why error) error {
	return &smtp.Error{Kind: smtp.KindProtocol, Command: "RSET", Reply: r, Err: fmt.Errorf("the transaction before cannot be ended: %w", why)}
}

// chunks reports whether the content goes by BDAT (RFC 3030).
func (a *actor) chunks(d *delivery) bool {
	return d.terms.Extended && d.terms.Has("CHUNKING")
}

// pipelines reports whether commands may travel before their answers (RFC
// 2920).
func (a *actor) pipelines(d *delivery) bool {
	return a.s.config.Flight != Single && d.terms.Extended && d.terms.Has("PIPELINING")
}

// compose writes the envelope's command lines into the flight, with what may end
// it: DATA, or in a full flight the header of the content. An error refuses the
// message before anything is sent.
func (a *actor) compose(d *delivery, chunked bool) (full bool, err error) {
	f := &a.mailing.flight
	f.empty()
	limits, _ := smtp.ParseLimits(d.terms.Capabilities) // what cannot be read sets no limit
	if !d.terms.Extended {
		limits = smtp.Limits{}
	}
	if limits.MailMax > 0 && a.mails >= limits.MailMax {
		return false, &smtp.Error{Kind: smtp.KindSessionSpent, Command: "MAIL", Err: fmt.Errorf("LIMITS MAILMAX=%d (RFC 9422): Connect again", limits.MailMax)}
	}
	if a.owes {
		f.say("RSET")
	}
	if f.out, err = d.mail.AppendCommand(f.out, d.terms, d.facts); err != nil {
		return false, named(err, "MAIL")
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
		a.mailing.body.reset(d, chunked, d.message)
		return false, nil
	case d.asked == 0:
		return false, d.refusedHere()
	case d.message.Policy == smtp.AllOrNothing && d.asked < len(d.recipients):
		return false, d.someRefused()
	}
	return a.composeEnd(d, chunked)
}

func tooManyRecipients(l smtp.Limits) error {
	return &smtp.Error{Kind: smtp.KindNotOffered, Enhanced: smtp.EnhancedCode{Class: 4, Subject: 5, Detail: 3}, Err: fmt.Errorf("LIMITS RCPTMAX=%d (RFC 9422): send it to the others by another message", l.RcptMax)}
}

// composeEnd adds what may end the flight, and prepares the content.
func (a *actor) composeEnd(d *delivery, chunked bool) (full bool, err error) {
	b, m := &a.mailing.body, d.message
	b.reset(d, chunked, m)
	if !a.pipelines(d) || m.Policy == smtp.AllOrNothing && d.asked > 1 {
		return false, nil
	}
	switch {
	case chunked && a.s.config.Flight == Full && !a.owes && !a.wary && !d.lent() && d.content.size() <= firstBlock && !d.lmtp:
		block, last, err := d.content.next(context.Background())
		if err == nil {
			err = b.encode(block, last)
		}
		if err != nil {
			return false, err
		}
		f := &a.mailing.flight
		f.out = append(f.out, b.chunk(octetsOf(b.pieces), true)...)
		f.due = append(f.due, command{verb: "BDAT", last: true, end: len(f.out)})
		return true, nil
	case !chunked:
		a.mailing.flight.say("DATA")
	}
	return false, nil
}

// refusedHere is why nothing is sent where no recipient can be asked for.
func (d *delivery) refusedHere() error {
	if len(d.receipt.Recipients) > 0 {
		return d.receipt.Recipients[0].Err
	}
	return smtp.Invalid("no recipient")
}

// introduce sends the envelope and takes its answers. over says that the message
// is decided already.
func (a *actor) introduce(ctx context.Context, d *delivery, full bool) (over bool, err error) {
	f := &a.mailing.flight
	pipelined := a.pipelines(d)
	for first, from := 0, 0; first < len(f.due); {
		n := 1
		for pipelined && first+n < len(f.due) && f.due[first+n].end-from <= maxUnanswered {
			n++
		}
		group := f.due[first : first+n]
		to := group[n-1].end
		var content [][]byte
		ends := full && first+n == len(f.due)
		if ends {
			content = a.mailing.body.pieces
		}
		a.torn = ends
		if err := a.depart(ctx, d, group, f.out[from:to], content); err != nil {
			return true, err
		}
		a.torn = false
		if ends {
			d.receipt.Chunked = true
			a.spilled(d, true)
		}
		if err := a.collect(d, group); err != nil {
			return true, err
		}
		if d.cause != nil { // MAIL was refused
			return true, nil
		}
		first, from = first+n, to
	}
	if d.steps != nil {
		return false, nil
	}
	return a.decided(ctx, d, full)
}

// depart opens the scopes of commands and writes them.
func (a *actor) depart(ctx context.Context, d *delivery, group []command, lines []byte, content [][]byte) error {
	for i := range group {
		if err := a.begun(ctx, &group[i]); err != nil {
			a.unanswered(group, err)
			return err
		}
	}
	var err error
	if a.quiet() {
		d.receipt.Flights++
		err = a.write(lines, content)
	} else {
		err = a.goodbye()
	}
	if err == nil {
		return nil
	}
	a.unanswered(group, err)
	return named(err, group[0].verb)
}

// unanswered closes the scopes of commands that get no answer.
func (a *actor) unanswered(group []command, err error) {
	for i := range group {
		a.answered(&group[i], smtp.Reply{}, err)
	}
}

// failed takes an error of the connection. A 421 answers every command that is
// still owed an answer.
func (a *actor) failed(d *delivery, err error) error {
	if e := asError(err); e.Kind == smtp.KindReply {
		a.note(e.Reply)
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
			return outOfStep(c, r)
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
			return outOfStep(c, r)
		}
		if d.opened {
			d.take(c.to, r)
			a.tellRecipient(&d.receipt.Recipients[c.to])
		}
	}
	return nil
}

// outOfStep is a server that refused MAIL and goes on as if it had not.
func outOfStep(c *command, r smtp.Reply) error {
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
	r, err := a.hear(c)
	switch {
	case err != nil:
		return a.failed(d, err)
	case r.Positive() && !d.opened:
		return outOfStep(c, r)
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
		a.owes = false
	}
	return nil
}

// decided reports whether the envelope's answers decide the message.
func (a *actor) decided(ctx context.Context, d *delivery, full bool) (bool, error) {
	switch {
	case full:
		return true, nil
	case d.accepted > 0 && (d.message.Policy != smtp.AllOrNothing || d.accepted == len(d.recipients)):
		return d.cause != nil, nil
	case a.mailing.body.open: // DATA was answered 354 all the same
		return true, a.loneDot(ctx, d)
	case d.accepted > 0:
		d.cause = d.someRefused()
	}
	return true, nil
}

// loneDot ends a DATA that nobody is to get. Whatever the answer, the message is
// rejected.
func (a *actor) loneDot(ctx context.Context, d *delivery) error {
	if d.lmtp { // there is no answer to come, for nobody was accepted (RFC 2033 4.2)
		return &smtp.Error{Kind: smtp.KindProtocol, Command: "DATA", Reply: a.reply, Err: errors.New("354 where no recipient was accepted")}
	}
	f := &a.mailing.flight
	f.empty()
	f.say(".")
	f.due[0].last = true
	if err := a.depart(ctx, d, f.due, f.out, nil); err != nil {
		return err
	}
	return a.endForNobody(d, &f.due[0])
}

func (a *actor) tellRecipient(to *smtp.RecipientReceipt) {
	if h, ok := a.heard(events.KindRecipient); ok {
		a.tell(events.OnRecipient{Header: h, Address: to.Address, Reply: to.Reply, Err: to.Err})
	}
}
