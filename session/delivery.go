package session

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// delivery is a message on its way, and what has become of it so far. The life's
// goroutine has it while its request runs.
type delivery struct {
	mail       *smtp.Mail
	recipients []smtp.Recipient
	message    *smtp.Message // nil: a Transaction gives the parts
	content    content
	steps      *Transaction // nil: all at once
	receipt    *smtp.Receipt
	terms      smtp.Terms
	facts      smtp.ContentFacts
	scanned    transport.Facts
	clean      bool // scanned is of just what will be sent, and nothing is to be changed
	lmtp       bool

	blind    bool // the content leaves before the first answer
	opened   bool // MAIL was accepted
	asked    int  // recipients that the server was asked for
	accepted int  // recipients that were
	handed   bool // the last octet of the content is the kernel's
	final    bool // the answer to the end has come
	refused  bool // what the server answered is no, for the message as a whole
	cause    error
}

// mailing is what a delivery needs of buffers. It is lent for its time.
type mailing struct {
	flight
	pieces [][]byte
	pace   transport.Pace
	body   body
}

var mailings = sync.Pool{New: func() any { return new(mailing) }}

func newReceipt(to []smtp.Recipient) *smtp.Receipt {
	r := &smtp.Receipt{Recipients: make([]smtp.RecipientReceipt, len(to)), Began: time.Now()}
	for i := range to {
		r.Recipients[i].Address = to[i].Address
	}
	return r
}

// conclude writes the receipt, once: err is what ended the session, else nil.
func (d *delivery) conclude(err error) {
	r := d.receipt
	if !r.Ended.IsZero() {
		return
	}
	r.Ended = time.Now()
	placed(d.cause)
	r.Cause = d.cause
	if d.cause == nil {
		d.cause = err
	}
	if len(r.Recipients) == 0 { // nobody else says why
		r.Cause = d.cause
	}
	for i := range r.Recipients {
		to := &r.Recipients[i]
		switch {
		case to.Outcome != smtp.NotSent: // by LMTP, each by itself, or refused by RCPT
		case to.Err != nil: // refused here
		case d.refused:
			to.Outcome, to.Err = smtp.Rejected, d.cause
			to.Reply = asError(d.cause).Reply
		case d.handed && !d.final:
			to.Outcome, to.Err, r.Cause = smtp.Unknown, d.cause, d.cause
		default:
			to.Err, r.Cause = d.cause, d.cause
		}
	}
	r.Outcome = d.outcome()
	for i := range r.Recipients {
		if to := &r.Recipients[i]; to.Outcome == smtp.NotSent || to.Outcome == smtp.Unknown {
			to.Reply = smtp.Reply{} // that of RCPT, which decided nothing
		}
	}
	if r.Outcome == smtp.Accepted {
		r.Cause = nil
		r.QueueID = smtp.QueueID(r.Reply)
	}
}

// placed names the phase of an error that has none.
func placed(err error) {
	if e, ok := errors.AsType[*smtp.Error](err); ok && e.Phase == "" {
		e.Phase = fsm.Mail.String()
	}
}

// outcome is that of the message, by those of its recipients.
func (d *delivery) outcome() smtp.Outcome {
	var of [4]int
	began := false // a recipient was accepted, and then nothing came of it
	for i := range d.receipt.Recipients {
		to := &d.receipt.Recipients[i]
		of[to.Outcome]++
		began = began || to.Outcome == smtp.NotSent && to.Reply.Positive()
	}
	switch {
	case len(d.receipt.Recipients) == 0 && d.refused:
		return smtp.Rejected
	case of[smtp.Unknown] > 0:
		return smtp.Unknown
	case of[smtp.Accepted] > 0:
		return smtp.Accepted
	case of[smtp.Rejected] > 0 && !began:
		return smtp.Rejected
	}
	return smtp.NotSent
}

// reject ends the message by the server's refusal.
func (d *delivery) reject(verb string, r smtp.Reply, why error) {
	d.refused = true
	d.cause = named(why, verb)
	d.receipt.Reply = r
}

// decide takes the answer to the end of the content, for every recipient that was
// accepted and has none yet.
func (d *delivery) decide(c *command, r smtp.Reply, why error) {
	d.final = true
	d.receipt.Reply = r
	if why != nil {
		d.cause = named(why, c.verb)
	}
	for i := range d.receipt.Recipients {
		if to := &d.receipt.Recipients[i]; waiting(to) {
			decideFor(to, r, why)
		}
	}
}

// decideFor takes the answer to the end of the content for one recipient.
func decideFor(to *smtp.RecipientReceipt, r smtp.Reply, why error) {
	to.Outcome, to.Reply, to.Err = smtp.Accepted, r, nil
	if why != nil {
		to.Outcome, to.Err = smtp.Rejected, why
	}
}

// doubtAll takes back what answers decided, for the message and for all whom the
// server was asked for.
func (d *delivery) doubtAll() {
	d.refused, d.final, d.cause = false, false, nil
	d.receipt.Reply = smtp.Reply{}
	for i := range d.receipt.Recipients {
		if to := &d.receipt.Recipients[i]; !to.Reply.IsZero() {
			*to = smtp.RecipientReceipt{Address: to.Address}
		}
	}
}

// waiting reports a recipient that was accepted by RCPT and has no outcome yet.
func waiting(to *smtp.RecipientReceipt) bool {
	return to.Outcome == smtp.NotSent && to.Err == nil && to.Reply.Positive()
}

// maxKept is how many octets of a server's words are kept for one recipient: a
// message may have thousands of them, and a reply 64 KiB.
const maxKept = 2 << 10

// brief returns a reply with no more text than is kept.
func brief(r smtp.Reply) smtp.Reply {
	if len(r.Text) > maxKept {
		r.Text = strings.Clone(r.Text[:maxKept])
	}
	return r
}

// take takes the answer to a RCPT.
func (d *delivery) take(i int, r smtp.Reply) {
	r = brief(r)
	to := &d.receipt.Recipients[i]
	to.Reply = r
	if r.Positive() {
		d.accepted++
		return
	}
	to.Outcome = smtp.Rejected
	to.Err = &smtp.Error{Kind: smtp.KindReply, Command: "RCPT", Phase: fsm.Mail.String(), Reply: r, Permanent: !smtp.RecipientRefusal(r)}
}

// leaveOut refuses a recipient here, before anything is sent.
func (d *delivery) leaveOut(i int, err error) {
	d.receipt.Recipients[i].Err = named(err, "RCPT")
	placed(err)
}

// someRefused is why nobody gets a message that is for all or for nobody.
func (d *delivery) someRefused() error {
	for i := range d.receipt.Recipients {
		if err := d.receipt.Recipients[i].Err; err != nil {
			return &smtp.Error{Kind: smtp.KindSomeRefused, Permanent: asError(err).Permanent, Err: fmt.Errorf("AllOrNothing: %w", err)}
		}
	}
	return errors.New("nobody was refused") // not to be reached
}
