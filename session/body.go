package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// body is the content of a message on its way out.
type body struct {
	chunked bool  // by BDAT (RFC 3030), else by DATA
	as      bool  // goes as it is: nothing is normalised
	open    bool  // DATA was answered 354, or a chunk was sent
	block   int64 // octets of content in pieces, where it goes as it is
	encoder transport.Encoder
	header  []byte   // of a chunk
	pieces  [][]byte // of what goes out next

	strictLines bool
	no8Bit      error // why an octet over 127 is refused, nil if it is not
	told        time.Time
	looked      int64         // octets of a long write after which the server was listened to
	credit      time.Duration // that MinRate leaves
}

// endOfData ends the content of DATA where its last line is ended (RFC 5321
// 4.1.1.4).
var endOfData = []byte(".\r\n")

// reset prepares the next message.
func (b *body) reset(d *delivery, chunked bool, m *smtp.Message) {
	b.chunked, b.open = chunked, false
	b.as = d.mail.Body == smtp.BodyBinaryMIME || chunked && m.Canonical || d.clean && (chunked || d.scanned.DotLines == 0)
	if c, ok := d.content.(*inMemory); ok {
		c.atOnce = b.as
	}
	b.encoder.Dots, b.encoder.Strict = !chunked, m.Newlines == smtp.RefuseBareNewlines
	b.encoder.Reset()
	b.strictLines, b.no8Bit = m.StrictLines, d.refuse8Bit()
	b.told, b.looked, b.credit = time.Time{}, 0, rateGrace
}

// encode makes the next pieces of a block, with the end of the content if it is
// the last, and refuses what must not go out.
func (b *body) encode(block []byte, last bool) error {
	if b.as {
		b.block, b.pieces = int64(len(block)), append(b.pieces[:0], block)
		if last && !b.chunked {
			b.pieces = append(b.pieces, endOfData)
		}
		return nil
	}
	pieces, err := b.encoder.Encode(block)
	if err != nil {
		return err
	}
	b.pieces = append(b.pieces[:0], pieces...)
	if last {
		end, err := b.encoder.End()
		if err != nil {
			return err
		}
		if len(end) > 0 {
			b.pieces = append(b.pieces, end)
		}
	}
	f := b.encoder.Facts()
	switch {
	case f.EightBit && b.no8Bit != nil:
		return b.no8Bit
	case b.strictLines && f.LongLines > 0:
		return errLongLine(f)
	}
	return nil
}

// refuse8Bit returns why no octet over 127 may go out, nil if it may.
func (d *delivery) refuse8Bit() error {
	switch {
	case d.message.Allow8Bit, d.mail.Body == smtp.BodyBinaryMIME:
		return nil
	case d.mail.Body == smtp.Body7Bit:
		return smtp.Invalid("Body is 7BIT and the content holds octets over 127: want BodyAuto or Body8BitMIME")
	case d.terms.Extended && d.terms.Has("8BITMIME"):
		return nil
	}
	return &smtp.Error{Kind: smtp.KindNotOffered, Permanent: true, Enhanced: smtp.EnhancedCode{Class: 5, Subject: 6, Detail: 3}, Err: errors.New(
		"8BITMIME: the content holds octets over 127, want it encoded as quoted-printable or base64, or Allow8Bit (RFC 6152)")}
}

func errLongLine(f transport.Facts) error {
	return smtp.Invalid(fmt.Sprintf("a line of %d octets: StrictLines wants at most 998 (RFC 5322 2.1.1)", f.Longest))
}

func errBare(f transport.Facts) error {
	return smtp.Invalid(fmt.Sprintf("a bare CR or LF at octet %d: RefuseBareNewlines wants CRLF", f.FirstBare))
}

func octetsOf(pieces [][]byte) (n int64) {
	for _, p := range pieces {
		n += int64(len(p))
	}
	return n
}

// chunk writes the header of the pieces as a chunk.
func (b *body) chunk(n int64, last bool) []byte {
	b.header = strconv.AppendInt(append(b.header[:0], "BDAT "...), n, 10)
	if last {
		b.header = append(b.header, " LAST"...)
	}
	b.header = append(b.header, "\r\n"...)
	return b.header
}

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
	if file, ok := d.content.(*stored); ok && b.as && file.file != nil && a.conn.TLS() == nil {
		if err := a.pourFile(header, d, file); err != nil {
			a.answered(&c, smtp.Reply{}, err)
			return named(err, c.verb)
		}
		d.receipt.Flights++
		return a.end(d, &c)
	}
	for left, last := d.facts.Size, false; !last; header = nil {
		var block []byte
		var err error
		if block, last, err = d.content.next(ctx); err == nil {
			err = b.encode(block, last)
		}
		if left -= octetsOf(b.pieces); err == nil && (left < 0 || last && left != 0) {
			err = errChanged()
		}
		if err != nil && header == nil { // in the middle of the chunk, which is never filled up
			d.cause = err
			err = named(err, c.verb)
		} else if err == nil {
			err = a.spill(header, d, last, c.verb)
		} else {
			d.cause, err = err, nil
			last = true
		}
		if err != nil || d.cause != nil {
			a.answered(&c, smtp.Reply{}, errors.Join(err, d.cause))
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
	n, err := a.conn.WriteFile(c.file, c.size(), pace)
	_, _ = c.file.Seek(c.at, io.SeekStart) // as the other readers that are fast it stays where it was
	switch {
	case err == nil:
		a.spilled(d, true)
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF): // in the middle of the chunk, which is never filled up
		err = errChanged()
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

// lent reports content that only its caller can read.
func (d *delivery) lent() bool {
	_, ok := d.content.(*lent)
	return ok
}

// giveUp ends a message whose content cannot go on: nothing that the server has
// may pass for the whole of it. Within DATA that takes the connection; between
// chunks RSET will do.
func (a *actor) giveUp(d *delivery, err error) error {
	d.cause = err
	if a.mailing.body.open && !a.mailing.body.chunked {
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
	if err := a.spill(nil, d, last, "DATA"); err != nil {
		return true, err
	}
	if !last {
		return false, nil
	}
	c := command{verb: ".", last: true}
	d.receipt.Flights++
	if err := a.begun(ctx, &c); err != nil {
		return true, err
	}
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
	if !a.conn.Quiet() || a.conn.Buffered() > 0 { // else that would pass for the answer to what follows
		return a.interrupted(d, verb, a.unsolicited())
	}
	a.torn = true
	pieces := a.mailing.pieces[:0] // the write uses them up, and those of b are still to be counted
	if header != nil {
		pieces = append(pieces, header)
	}
	pieces = append(pieces, b.pieces...)
	a.mailing.pieces = pieces
	pace := a.pace()
	if b.as && b.block > nextBlock {
		pace.Moved = a.moves(d, int64(len(header)))
	}
	n, err := a.conn.WritePieces(pieces, pace)
	b.credit = pace.Left()
	if err != nil {
		if b.as {
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
	if spoken := a.conn.ReadUnsolicited(lastWords); spoken.Kind == smtp.KindReply || spoken.Kind == smtp.KindProtocol {
		err = spoken
	}
	return a.interrupted(d, verb, err)
}

// moves returns what tells the progress of one long write, which begins with
// octets that are no content.
func (a *actor) moves(d *delivery, header int64) func(octets int64) error {
	b, moved := &a.mailing.body, -header
	return func(n int64) error {
		moved += n
		a.progress(d, d.receipt.Octets+min(max(moved, 0), b.block), false)
		if moved >= b.block || moved < b.looked {
			return nil
		}
		b.looked = moved + listenEvery
		if !a.conn.Quiet() || a.conn.Buffered() > 0 {
			return errSpoken
		}
		return nil
	}
}

// listenEvery is after how many octets of one long write the server is listened
// to: it may have said no already.
const listenEvery = 1 << 20

// errSpoken stops a write for what the server says meanwhile.
var errSpoken = errors.New("the server spoke in the middle of the content")

// rateGrace is how long a server may take less than MinRate in all, to begin
// with.
const rateGrace = 30 * time.Second

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

// measure writes down how much of the content has travelled.
func (a *actor) measure(d *delivery) {
	b := &a.mailing.body
	if b.as {
		d.receipt.Octets += b.block
		d.receipt.LongLines = int(d.scanned.LongLines)
		return
	}
	f := b.encoder.Facts()
	d.receipt.Octets, d.receipt.LongLines = f.Octets, int(f.LongLines)
}

// progressEvery is the time between two OnProgress of a message.
const progressEvery = 100 * time.Millisecond

func (a *actor) progress(d *delivery, octets int64, last bool) {
	if !last {
		now := time.Now()
		b := &a.mailing.body
		if now.Sub(b.told) < progressEvery {
			return
		}
		b.told = now
	}
	if h, ok := a.heard(events.KindProgress); ok {
		a.tell(events.OnProgress{Header: h, Octets: octets, Size: d.facts.Size})
	}
}

// end takes the answer to the end of the content: the message is decided. With
// LMTP there is one for each recipient that was accepted, in their order (RFC
// 2033 4.2).
func (a *actor) end(d *delivery, c *command) error {
	if d.lmtp {
		return a.endOfEach(d, c)
	}
	r, err := a.hear(c)
	if err != nil {
		if asError(err).Kind == smtp.KindReply { // 421
			d.decide(c, r, err)
		}
		return err
	}
	why := refusal(r)
	if why != nil && !r.Negative() {
		return named(why, c.verb)
	}
	more, doubt := a.tooMany(c, r)
	if doubt {
		return more
	}
	a.owes = false
	d.decide(c, r, why)
	return more
}

// endOfEach is end for LMTP. What was answered before the connection was lost
// stands.
func (a *actor) endOfEach(d *delivery, c *command) error {
	decided := make([]*smtp.RecipientReceipt, 0, d.accepted)
	first, mixed := smtp.Reply{}, false
	for i := range d.receipt.Recipients {
		to := &d.receipt.Recipients[i]
		if !waiting(to) {
			continue
		}
		r, err := a.hear(c)
		why := refusal(r)
		if why != nil {
			why = named(why, c.verb)
			placed(why)
		}
		if err == nil && why != nil && !r.Negative() {
			err = why
		}
		if err != nil && r.Code != 421 {
			return err
		}
		if why == nil || !d.receipt.Reply.Positive() { // that of an acceptance, if there is one
			d.receipt.Reply = r
		}
		decideFor(to, r, why)
		decided = append(decided, to)
		if len(decided) == 1 {
			first = r
		}
		mixed = mixed || r.Positive() != first.Positive()
		a.tellRecipient(to)
		if err != nil { // 421 answers for all who are left
			for rest := i + 1; rest < len(d.receipt.Recipients); rest++ {
				if to := &d.receipt.Recipients[rest]; waiting(to) {
					decideFor(to, r, why)
					a.tellRecipient(to)
				}
			}
			d.final = true
			return err
		}
	}
	more, doubt := a.tooMany(c, first)
	if doubt || more != nil && mixed {
		d.doubt(decided)
		return more
	}
	a.owes, d.final = false, true
	return more
}
