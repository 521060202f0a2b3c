package session

import (
	"bytes"
	"cmp"
	"errors"

	"github.com/ehlo-go/ehlo/smtp"
)

// end takes the answer to the end of the content: the message is decided. With
// LMTP there is one for each recipient that was accepted, in their order (RFC
// 2033 4.2).
func (a *actor) end(d *delivery, c *command) error {
	if d.lmtp {
		return a.endOfEach(d, c)
	}
	r, err := a.listen(c)
	defer func() { a.answered(c, r, err) }() // the message is decided before its hooks run
	if err != nil {
		switch {
		case asError(err).Kind != smtp.KindReply:
		case a.acceptsAhead():
			if d.blind {
				d.doubtAll()
			}
		default: // 421
			d.decide(c, r, err)
		}
		return err
	}
	why := refusal(r)
	if why != nil && !r.Negative() {
		return named(why, c.verb)
	}
	more, doubt := a.tooMany(c, r)
	if d.blind && more != nil && (doubt || d.accepted < d.asked) {
		d.doubtAll()
		return more
	}
	if doubt {
		return more
	}
	a.owes, a.wary = false, why != nil
	d.decide(c, r, why)
	return more
}

// endOfEach is end for LMTP. What was answered before the connection was lost
// stands. A 421 answers for all who are left, unless there is more behind it: then for
// one, if the answers are as many as they have to be.
func (a *actor) endOfEach(d *delivery, c *command) error {
	decided := make([]*smtp.RecipientReceipt, 0, d.accepted)
	var first, bye smtp.Reply
	var failure, goodbye error                       // of first, of bye
	mixed, behind, short := false, false, false      // replies differ; an acceptance came behind bye; answers were too few
	defer func() { a.answered(c, first, failure) }() // all is decided before the command's hooks run
	for i := range d.receipt.Recipients {
		to := &d.receipt.Recipients[i]
		if !waiting(to) {
			continue
		}
		r := bye
		if goodbye == nil || len(a.conn.Ahead()) > 0 {
			var err error
			r, err = a.listen(c)
			r = brief(r)
			if len(decided) == 0 {
				first, failure = r, err
			}
			behind = behind || goodbye != nil && r.Positive()
			if why := refusal(r); err == nil && why != nil && !r.Negative() {
				err = named(why, c.verb)
			}
			switch {
			case err == nil:
			case r.Code != 421:
				return err
			case goodbye == nil:
				bye, goodbye = r, err
			}
		} else {
			short = true
		}
		why := refusal(r)
		if why != nil {
			why = named(why, c.verb)
			placed(why)
		}
		if why == nil || !d.receipt.Reply.Positive() { // that of an acceptance, if there is one
			d.receipt.Reply = r
		}
		decideFor(to, r, why)
		decided = append(decided, to)
		mixed = mixed || r.Positive() != first.Positive()
		a.tellRecipient(to)
	}
	more, doubt := a.tooMany(c, first)
	if doubt || more != nil && mixed || short && behind {
		d.receipt.Reply = smtp.Reply{}
		for _, to := range decided {
			*to = smtp.RecipientReceipt{Address: to.Address}
		}
		return cmp.Or(more, goodbye)
	}
	a.owes, d.final = false, true
	return cmp.Or(goodbye, more)
}

// acceptsAhead reports an acceptance among what the server has said behind the reply
// that was read.
func (a *actor) acceptsAhead() bool {
	for line := range bytes.Lines(a.conn.Ahead()) {
		if line[0] == '2' {
			return true
		}
	}
	return false
}

// tooMany reports, as an error, what the server says behind the answer r that
// decides a message, but for a goodbye that has no acceptance behind it. doubt says
// that it would decide otherwise, and nobody can know which of them is the answer: one
// that came too early may have pushed all others back.
func (a *actor) tooMany(c *command, r smtp.Reply) (more error, doubt bool) {
	ahead := a.conn.Ahead()
	if len(ahead) == 0 || bytes.HasPrefix([]byte("421"), ahead[:min(len(ahead), 3)]) && !a.acceptsAhead() {
		return nil, false
	}
	for line := range bytes.Lines(ahead) {
		doubt = doubt || int(line[0]-'0') != r.Code/100
	}
	return &smtp.Error{Kind: smtp.KindProtocol, Command: c.verb, Reply: r, Err: errors.New("a reply too many")}, doubt
}
