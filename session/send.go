package session

import (
	"context"
	"sync"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// Send sends a message in one mail transaction (RFC 5321 3.3): its envelope in
// one flight where the server allows it, then its content; see Flight. Recipients
// are those of the message and never read from its header.
//
// The error is nil only if every recipient was accepted and the server has taken
// the message. The receipt is there in any case and tells what became of the
// message and of each recipient: accepted, rejected, not sent, or unknown, where
// the whole of it was handed over and no answer came. Nothing is ever sent twice
// by itself; smtp.SafeToRetry says where it can be.
//
// A refusal leaves the session ready. If ctx ends while the message is on its
// way the connection is closed. While the session connects Send waits for its
// turn; without a life it fails with smtp.ErrNotConnected.
//
// Content is read by the goroutine that called Send, once, unless it is a
// bytes.Reader, strings.Reader, bytes.Buffer or regular file, which are fastest; and
// then it is nil, so that a message sent again has to be given its content again.
// If ctx ends while its Read hangs the connection is closed at once, and Send
// returns when Read does. Nothing is heard of the server meanwhile, and Read must
// wait for nothing that the session does.
func (s *Session) Send(ctx context.Context, m *smtp.Message) (*smtp.Receipt, error) {
	if m == nil {
		err := named(smtp.Invalid("the message is nil"), "MAIL")
		return &smtp.Receipt{Cause: err}, err
	}
	w := sendings.Get().(*sending)
	w.delivery = delivery{mail: &m.Mail, recipients: m.Recipients, message: m, receipt: newReceipt(m.Recipients)}
	receipt := w.delivery.receipt
	if err := s.send(ctx, w); err != nil { // it came to nothing
		w.delivery.conclude(err)
	}
	w.giveBack()
	return receipt, receipt.Err()
}

// sending is what a Send needs beside its receipt. It is lent for its time.
type sending struct {
	request  request
	delivery delivery
	memory   inMemory
}

var sendings = sync.Pool{New: func() any { return new(sending) }}

// giveBack returns w to the pool, unless another goroutine may still use it.
func (w *sending) giveBack() {
	if w.request.taken && !w.request.reads() { // ask watches one that reads until its context ends
		w.request, w.delivery, w.memory = request{}, delivery{}, inMemory{}
		sendings.Put(w)
	}
}

// send hands a message to the session. The error says that it was not taken.
func (s *Session) send(ctx context.Context, w *sending) (err error) {
	if events.InHook(ctx) { // before its content is read
		return &smtp.Error{Kind: smtp.KindInHook, Command: "MAIL"}
	}
	d := &w.delivery
	if err := d.message.Validate(); err != nil {
		return named(err, "MAIL")
	}
	if d.content, err = prepare(d.message, &w.memory); err != nil {
		if ctx.Err() != nil { // the reader gave up for it
			err = &smtp.Error{Kind: smtp.KindCanceled, Err: contextError(ctx)}
		}
		return named(err, "MAIL")
	}
	if err := d.inspect(ctx); err != nil {
		return named(err, "MAIL")
	}
	w.request.verb, w.request.delivery = "MAIL", d
	_, err = s.ask(ctx, &w.request)
	d.content.release()
	return err
}

// inspect finds what is to be known of the content, and refuses what the message
// does not allow.
func (d *delivery) inspect(ctx context.Context) error {
	m := d.message
	d.facts = smtp.ContentFacts{Size: d.content.size(), Unscanned: true, Allow8Bit: m.Allow8Bit}
	for i := range m.Recipients {
		d.facts.UTF8Recipients = d.facts.UTF8Recipients || m.Recipients[i].NeedsUTF8()
	}
	if m.Canonical || m.Body == smtp.BodyBinaryMIME {
		return nil
	}
	f, known, err := scan(ctx, d.content)
	if err != nil {
		return err
	}
	if known {
		d.facts.Size, d.facts.Unscanned = f.Octets, false
	}
	if known && !changeable(d.content) {
		d.clean, d.scanned = f.Clean(), f
	}
	d.facts.EightBit, d.facts.UTF8Header = f.EightBit, f.EightBitHeader && !m.Allow8Bit
	switch {
	case m.StrictLines && f.LongLines > 0:
		return errLongLine(f)
	case m.Newlines == smtp.RefuseBareNewlines:
		return transport.BareNewline(f)
	}
	return nil
}
