package session

import (
	"context"
	"errors"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
)

// Transaction is one mail transaction by steps (RFC 5321 3.3): AddRecipient for
// each recipient, Write for the content, and Commit, without which nothing is
// delivered. While it is open the session is its own: every other request gets
// smtp.ErrBusy at once. A recipient that needs SMTPUTF8 wants Mail.UTF8, since it
// is not known when MAIL is said. It ends by Commit, by Abort, with Begin's context, or with
// the connection.
//
//	t, err := s.Begin(ctx, smtp.Mail{From: "ann@example.org"})
//	…
//	defer t.Abort() // does nothing after Commit
//
// Its methods are safe for concurrent use, one after another. A hook must call
// none of them; Write and Abort, which take no context, cannot tell.
type Transaction struct {
	s   *Session
	l   *life
	ctx context.Context // Begin's
	d   *delivery
	end func() bool // of the watch on ctx

	expired error // why it was ended, by a context; under the session's lock
	over    bool  // under the session's lock

	turn   chan struct{} // holds a value while Write or Commit runs; it guards what follows
	buffer []byte
	failed error // what became of the content so far
}

// Begin opens a transaction: MAIL is said and answered. ctx bounds the whole of
// the transaction, not only this call. A refused MAIL is an error and leaves the
// session ready.
//
// Begin waits, ends and fails as Send does.
func (s *Session) Begin(ctx context.Context, m smtp.Mail) (*Transaction, error) {
	d := &delivery{mail: &m, message: &smtp.Message{Mail: m}, receipt: newReceipt(nil)}
	d.facts = smtp.ContentFacts{Size: -1, Unscanned: true}
	if err := m.Validate(); err != nil {
		return nil, named(err, "MAIL")
	}
	d.steps = &Transaction{s: s, ctx: ctx, d: d, turn: make(chan struct{}, 1)}
	r := &request{verb: "MAIL", delivery: d}
	if _, err := s.ask(ctx, r); err != nil {
		return nil, err
	}
	return d.steps, nil
}

// AddRecipient says RCPT and returns nil if the server accepts the recipient. A
// refusal is an error, and the transaction goes on without this one. After the
// first content has left it is too late.
func (t *Transaction) AddRecipient(ctx context.Context, to smtp.Recipient) error {
	if err := to.Validate(); err != nil {
		return named(err, "RCPT")
	}
	return t.ask(ctx, "RCPT", func(ctx context.Context, a *actor) (over bool, err, fatal error) {
		err, fatal = a.addRecipient(ctx, t.d, to)
		return false, err, fatal
	})
}

// Write adds to the content. It buffers up to 256 KiB, so an error may be that of
// an earlier Write; after one nothing more is taken, and Commit fails with it.
// Begin's context ends it.
func (t *Transaction) Write(p []byte) (n int, err error) {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	for len(p) > 0 && t.failed == nil {
		if t.buffer == nil {
			t.buffer = make([]byte, 0, nextBlock)
		}
		room := min(len(p), cap(t.buffer)-len(t.buffer))
		t.buffer = append(t.buffer, p[:room]...)
		n, p = n+room, p[room:]
		if len(t.buffer) == cap(t.buffer) {
			t.failed = t.flush()
		}
	}
	return n, t.failed
}

// flush sends what is buffered. It is the caller's turn.
func (t *Transaction) flush() error {
	block := t.buffer
	t.buffer = t.buffer[:0]
	return t.ask(t.ctx, "DATA", func(ctx context.Context, a *actor) (over bool, err, fatal error) {
		return a.addContent(ctx, t.d, block, false)
	})
}

// Commit ends the content and takes the server's answer. The receipt tells what
// became of the message, and of each recipient; the error is nil only if every
// one was accepted. In any case the transaction is over.
func (t *Transaction) Commit(ctx context.Context) (*smtp.Receipt, error) {
	if events.InHook(ctx) { // before it waits for a Write
		return nil, &smtp.Error{Kind: smtp.KindInHook, Command: "DATA"}
	}
	t.takeTurn(ctx)
	defer func() { <-t.turn }()
	err := t.failed
	if err == nil {
		err = t.ask(ctx, "DATA", func(ctx context.Context, a *actor) (over bool, err, fatal error) {
			_, err, fatal = a.addContent(ctx, t.d, t.buffer, true)
			return true, err, fatal
		})
	}
	if ctx.Err() != nil { // a step before may hang
		t.expire(ctx)
	}
	if !t.isOver() { // a Write had failed, or ctx had ended
		_ = t.ask(context.WithoutCancel(ctx), "RSET", func(_ context.Context, a *actor) (over bool, _, fatal error) {
			if t.d.cause == nil && (t.d.accepted > 0 || len(t.d.receipt.Recipients) == 0) { // else the recipients' answers are the reason
				t.d.cause = err
			}
			return true, nil, a.abandon(t.d)
		})
	}
	if !t.isOver() { // the session is ending
		<-t.l.done
	}
	t.failed = errTransactionOver
	return t.d.receipt, t.d.receipt.Err()
}

// takeTurn waits for a Write that is running, and ends it if ctx ends first.
func (t *Transaction) takeTurn(ctx context.Context) {
	select {
	case t.turn <- struct{}{}:
		return
	default:
	}
	select {
	case t.turn <- struct{}{}:
		return
	case <-ctx.Done():
	}
	t.expire(ctx)
	t.turn <- struct{}{}
}

func (t *Transaction) isOver() bool {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	return t.over
}

// Abort gives the transaction up; after Commit it does nothing. Where content is
// on its way by DATA that takes the connection, since there is no other way to end
// it; else the session stays ready.
func (t *Transaction) Abort() error {
	err := t.ask(context.Background(), "RSET", func(_ context.Context, a *actor) (over bool, err, fatal error) {
		t.d.cause = &smtp.Error{Kind: smtp.KindCanceled, Err: errors.New("the transaction was aborted")}
		return true, nil, a.abandon(t.d)
	})
	if errors.Is(err, errTransactionOver) || errors.Is(err, smtp.ErrNotConnected) || errors.Is(err, smtp.ErrClosed) {
		return nil
	}
	return err
}

// errTransactionOver is why a step of a transaction that has ended fails.
var errTransactionOver = errors.New("the transaction is over")

func errOver(verb string) error {
	return &smtp.Error{Kind: smtp.KindNotConnected, Command: verb, Err: errTransactionOver}
}

// step is what a Transaction asks of the session. over ends the transaction; err
// is the caller's, fatal the session's.
type step func(ctx context.Context, a *actor) (over bool, err, fatal error)

func (t *Transaction) ask(ctx context.Context, verb string, do step) error {
	_, err := t.s.ask(ctx, &request{verb: verb, step: do, of: t})
	return err
}

// expire ends the transaction with a context.
func (t *Transaction) expire(ctx context.Context) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.over || t.expired != nil {
		return
	}
	t.expired = contextError(ctx)
	if t.l.stepping {
		t.l.cutLife(t.expired)
	}
	t.l.wake()
}
