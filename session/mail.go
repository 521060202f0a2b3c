package session

import (
	"context"
	"errors"
	"fmt"

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
	if err := a.compose(d); err != nil {
		d.cause = err
		return nil
	}
	if over, err := a.introduce(ctx, d); over || err != nil {
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
func (d *delivery) chunks() bool {
	return d.terms.Offers("CHUNKING")
}

// pipelines reports whether commands may travel before their answers (RFC
// 2920).
func (a *actor) pipelines(d *delivery) bool {
	return a.s.config.Flight != Single && d.terms.Offers("PIPELINING")
}

// introduce sends the envelope and takes its answers. over says that the message
// is decided already.
func (a *actor) introduce(ctx context.Context, d *delivery) (over bool, err error) {
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
		ends := d.blind && first+n == len(f.due)
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
	return a.decided(ctx, d)
}

// decided reports whether the envelope's answers decide the message.
func (a *actor) decided(ctx context.Context, d *delivery) (bool, error) {
	switch {
	case d.blind:
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
