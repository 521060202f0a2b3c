package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// pour sends the content from where it is, block by block, and takes the answer
// to its end. Recipients have been accepted. The error is that of the session.
func (a *actor) pour(ctx context.Context, d *delivery) error {
	b := &a.mailing.body
	if b.chunked && d.facts.Size >= 0 && !d.lent() {
		return a.pourWhole(ctx, d)
	}
	for {
		block, last, err := d.content.next(ctx)
		if err == nil {
			err = b.encode(block, last)
		}
		if err != nil {
			return a.giveUp(d, err)
		}
		if done, err := a.push(ctx, d, last); done || err != nil {
			return err
		}
	}
}

// pourWhole sends content of which every octet is counted as one chunk.
func (a *actor) pourWhole(ctx context.Context, d *delivery) error {
	b := &a.mailing.body
	c := command{verb: "BDAT", last: true}
	if err := a.begun(ctx, &c); err != nil {
		return err
	}
	d.receipt.Chunked = true
	header := b.chunk(d.facts.Size, true)
	if file, ok := d.content.(*stored); ok && b.asIs && file.file != nil && a.conn.TLS() == nil {
		if err := a.pourFile(header, d, file); err != nil {
			a.answered(&c, smtp.Reply{}, err)
			return named(err, c.verb)
		}
		d.receipt.Flights++
		return a.end(d, &c)
	}
	for left, last := d.facts.Size, false; !last; header = nil {
		block, end, err := d.content.next(ctx)
		if err == nil {
			err = b.encode(block, end)
		}
		if left -= octetsOf(b.pieces); err == nil && (left < 0 || end && left != 0 || !end && left == 0 && !isAll(d.content, block)) {
			err = errChanged()
		}
		if err != nil {
			d.cause = err
			a.answered(&c, smtp.Reply{}, err)
			if header != nil { // nothing of the chunk has left
				return nil
			}
			return named(err, c.verb) // in the middle of the chunk, which is never filled up
		}
		last = end || left == 0 // the chunk is whole, and only its answer counts
		if err := a.spill(header, d, last, c.verb); err != nil {
			a.answered(&c, smtp.Reply{}, err)
			return err
		}
	}
	d.receipt.Flights++
	return a.end(d, &c)
}

// pourFile sends a file that goes as it is, from the kernel's own memory.
func (a *actor) pourFile(header []byte, d *delivery, c *stored) error {
	b := &a.mailing.body
	b.block, b.pieces = 0, b.pieces[:0]
	if err := a.spill(header, d, false, "BDAT"); err != nil {
		return err
	}
	pace, before := a.pace(), d.receipt.Octets
	b.block = c.size()
	pace.Moved = a.moves(d, 0)
	n, err := a.conn.WriteFile(c.file, c.at, c.size(), pace)
	switch {
	case err == nil:
		a.spilled(d, true)
		return nil
	case asError(err).Kind == smtp.KindContent: // in the middle of the chunk, which is never filled up
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errChanged()
		}
		d.cause = err
	default:
		err = a.cutShort(d, "BDAT", err)
	}
	d.receipt.Octets = before + n
	return err
}

func errChanged() error {
	return &smtp.Error{Kind: smtp.KindContent, Err: errors.New("it has changed since its size was taken")}
}

// giveUp ends a message whose content cannot go on: nothing that the server has
// may pass for the whole of it. Within DATA that takes the connection; between
// chunks RSET will do.
func (a *actor) giveUp(d *delivery, err error) error {
	d.cause = err
	if a.mailing.body.open {
		return named(err, "DATA")
	}
	if e := asError(err); e.Kind == smtp.KindCanceled {
		return err
	}
	return nil
}

// push sends what was encoded, and with the last of it takes the answer to the
// end. done says that the message is decided.
func (a *actor) push(ctx context.Context, d *delivery, last bool) (done bool, err error) {
	b := &a.mailing.body
	if b.chunked {
		return a.pushChunk(ctx, d, last)
	}
	if !b.open {
		if refused, err := a.askToSend(ctx, d); refused || err != nil {
			return true, err
		}
	}
	if !last {
		err := a.spill(nil, d, false, "DATA")
		return err != nil, err
	}
	c := command{verb: ".", last: true}
	if err := a.begun(ctx, &c); err != nil {
		return true, err
	}
	if err := a.spill(nil, d, true, "DATA"); err != nil {
		a.answered(&c, smtp.Reply{}, err)
		return true, err
	}
	d.receipt.Flights++
	return true, a.end(d, &c)
}

// askToSend says DATA by itself.
func (a *actor) askToSend(ctx context.Context, d *delivery) (refused bool, err error) {
	f := &a.mailing.flight
	f.empty()
	f.say("DATA")
	if err := a.depart(ctx, d, f.due, f.out, nil); err != nil {
		return false, err
	}
	r, err := a.hear(&f.due[0])
	if err != nil {
		return false, a.failed(d, err)
	}
	return a.mayGoOn(d, r)
}

// mayGoOn takes the answer to DATA.
func (a *actor) mayGoOn(d *delivery, r smtp.Reply) (refused bool, err error) {
	switch {
	case r.Code == 354:
		a.mailing.body.open = true
		return false, nil
	case r.Negative():
		d.reject("DATA", r, refusal(r))
		return true, nil
	}
	return false, &smtp.Error{Kind: smtp.KindProtocol, Command: "DATA", Reply: r, Err: fmt.Errorf("%d where 354 was due", r.Code)}
}

// pushChunk sends a chunk. LAST follows only where every chunk before was
// accepted; one chunk is on its way at a time.
func (a *actor) pushChunk(ctx context.Context, d *delivery, last bool) (done bool, err error) {
	b := &a.mailing.body
	n := octetsOf(b.pieces)
	if n == 0 && !last {
		return false, nil // a chunk without octets says nothing, and some servers take it for the last
	}
	c := command{verb: "BDAT", last: last}
	if err := a.begun(ctx, &c); err != nil {
		return true, err
	}
	d.receipt.Chunked = true
	if err := a.spill(b.chunk(n, last), d, last, c.verb); err != nil {
		a.answered(&c, smtp.Reply{}, err)
		return true, err
	}
	a.torn = false // a chunk is whole, and so an end behind it is no end of the content
	d.receipt.Flights++
	if last {
		return true, a.end(d, &c)
	}
	r, err := a.hear(&c)
	switch {
	case err != nil:
		return true, a.failed(d, err)
	case r.Negative():
		d.reject(c.verb, r, refusal(r))
		return true, nil
	case !r.Positive():
		return true, named(refusal(r), c.verb)
	}
	return false, nil
}

// spill writes pieces of content. Where that fails, or the server speaks in the
// middle, what it says is the reason (5yz, then a close).
func (a *actor) spill(header []byte, d *delivery, last bool, verb string) error {
	b := &a.mailing.body
	switch quiet := a.quiet(); { // what was said would pass for the answer to what follows
	case !quiet && (b.open || a.torn): // within the content it is the answer, too early
		return a.interrupted(d, verb, a.unsolicited())
	case !quiet:
		return named(a.goodbye(), verb)
	}
	a.torn = true
	a.mailing.pieces = b.behind(header, d.buffered(), a.mailing.pieces[:0])
	pace := a.pace()
	if b.asIs && b.block > nextBlock {
		pace.Moved = a.moves(d, int64(len(header)))
	}
	n, err := a.conn.WritePieces(a.mailing.pieces, pace)
	b.credit = pace.Left()
	if err != nil {
		if b.asIs {
			d.receipt.Octets += min(max(n-int64(len(header)), 0), b.block)
		}
		return a.cutShort(d, verb, err)
	}
	a.spilled(d, last)
	return nil
}

// spilled notes that what was to be written has been.
func (a *actor) spilled(d *delivery, last bool) {
	d.handed, a.torn = last, !last
	a.measure(d)
	a.progress(d, d.receipt.Octets, last)
}

// cutShort ends a message whose content could not be written.
func (a *actor) cutShort(d *delivery, verb string, err error) error {
	if spoken := a.conn.ReadUnsolicited(lastWords); spoken.Kind == smtp.KindReply || spoken.Kind == smtp.KindProtocol || errors.Is(err, errSpoken) {
		err = spoken
	}
	return a.interrupted(d, verb, err)
}

// lastWords is how long a server that has closed the connection is listened to.
const lastWords = 50 * time.Millisecond

// interrupted ends a message in the middle of its content, and the session.
func (a *actor) interrupted(d *delivery, verb string, err error) error {
	if e := asError(err); e.Kind == smtp.KindReply {
		a.note(e.Reply)
		d.reject(verb, e.Reply, e)
	}
	return named(err, verb)
}
