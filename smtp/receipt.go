package smtp

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Receipt tells what became of a message. It is complete when it is handed
// out and not written again, so it may be read from anywhere.
type Receipt struct {
	// Outcome is that of the message. With a reply for each recipient (LMTP) it is
	// Unknown if that of one is, else Accepted if that of one is.
	Outcome Outcome
	// Reply is the answer that decided: that to the end of the content, or the
	// refusal before it. It is zero if there was none. With LMTP it is the last
	// acceptance, else the last refusal.
	Reply Reply
	// QueueID is what the server calls the message, as far as its reply can be read
	// ([QueueID]).
	QueueID string
	// Recipients has one entry for each recipient, in the order of the message.
	Recipients []RecipientReceipt
	// Octets is how much of the content travelled, without dot-stuffing.
	Octets int64
	// LongLines is how many of its lines were over 998 octets.
	LongLines int
	// Flights is how many times commands were written and answers awaited.
	Flights int
	// Chunked says that the content went by BDAT (RFC 3030).
	Chunked bool
	// Began and Ended are when the work on the message did.
	Began, Ended time.Time
	// Cause is what kept the message as a whole from being accepted: a refusal, a
	// loss, a cancel. It is nil if only recipients were refused.
	Cause error
}

// RecipientReceipt tells what became of one recipient.
type RecipientReceipt struct {
	// Address is that of the Recipient.
	Address string
	// Outcome is that of this recipient.
	Outcome Outcome
	// Reply is the answer that decided for it: the refusal of its RCPT, else that
	// to the end of the content. It is zero if there was none, as where the message
	// was not sent or its outcome is unknown.
	Reply Reply
	// Err is why it was not accepted, nil if it was. [Error.Permanent] says whether
	// the refusal may pass.
	Err error
}

// Err returns nil if every recipient got the message. Else it is Cause; or an
// error of KindSomeRefused if some got it; or why no recipient was accepted:
// that of one who may be, later, where there is one. The error unwraps to its
// *Error and carries the receipt, which is what [SafeToRetry] asks for.
func (r *Receipt) Err() error {
	err := r.Cause
	if err == nil {
		err = r.refusals()
	}
	if err == nil {
		return nil
	}
	return &sendError{err, r}
}

// refusals returns the error of the recipients who did not get the message.
func (r *Receipt) refusals() error {
	var missed error
	got, missing, lasting := 0, 0, true
	for i := range r.Recipients {
		to := &r.Recipients[i]
		if to.Outcome == Accepted {
			got++
			continue
		}
		missing++
		if missed == nil || lasting && !permanent(to.Err) {
			missed = to.Err
			lasting = permanent(to.Err)
		}
	}
	switch {
	case missing > 0 && got > 0:
		return &Error{Kind: KindSomeRefused, Permanent: lasting, Err: fmt.Errorf("%d of %d: %w", missing, len(r.Recipients), orOutcome(missed, r))}
	case missing > 0 || r.Outcome != Accepted:
		return orOutcome(missed, r)
	}
	return nil
}

// orOutcome keeps a receipt that gives no reason from being a success.
func orOutcome(err error, r *Receipt) error {
	if err != nil {
		return err
	}
	return &Error{Err: fmt.Errorf("the message ended as %v", r.Outcome)}
}

// permanent reports an error that says it will stay.
func permanent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Permanent
}

// sendError is an error with the receipt it came from.
type sendError struct {
	err     error
	receipt *Receipt
}

func (e *sendError) Error() string { return e.err.Error() }
func (e *sendError) Unwrap() error { return e.err }

// SafeToRetry reports whether sending the same message again, later or to
// another host, can deliver it twice to nobody and may succeed. A Content that was
// used up has to be given again (see [Message]). It is true if
// err is that of a message of which no recipient was accepted or is unknown
// (NotSent or Rejected), and it is not permanent.
//
// It is false for nil; for Unknown, which only the caller may decide; where some
// recipients got the message, since those would get it twice: send it to the
// others alone, by the Receipt; for a permanent refusal and an invalid argument;
// and for every error that is not of [Receipt.Err], since it says nothing about
// a message.
func SafeToRetry(err error) bool {
	e, ok := errors.AsType[*sendError](err)
	if !ok || e.receipt.Outcome != NotSent && e.receipt.Outcome != Rejected || permanent(e.err) {
		return false
	}
	for i := range e.receipt.Recipients {
		if o := e.receipt.Recipients[i].Outcome; o != NotSent && o != Rejected {
			return false
		}
	}
	return true
}

// String returns the receipt on one line for people: the outcome, for how
// many recipients the message was accepted, and the reply, escaped. It names no
// address.
func (r Receipt) String() string {
	got := 0
	for i := range r.Recipients {
		if r.Recipients[i].Outcome == Accepted {
			got++
		}
	}
	s := fmt.Sprintf("%v for %d of %d", r.Outcome, got, len(r.Recipients))
	switch {
	case r.Outcome == Accepted:
	case got == 0:
		s = fmt.Sprintf("%v for all %d", r.Outcome, len(r.Recipients))
	default: // LMTP
		s = fmt.Sprintf("%v, accepted for %d of %d", r.Outcome, got, len(r.Recipients))
	}
	if !r.Reply.IsZero() {
		s += ": " + r.Reply.String()
	}
	return s
}

// Format writes what String returns, for every verb, so that no raw text of
// the server gets out.
func (r Receipt) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// String returns the address, the outcome and the reply on one line, escaped.
func (r RecipientReceipt) String() string {
	s := fmt.Sprintf("%s: %v", Escape(r.Address), r.Outcome)
	if !r.Reply.IsZero() {
		s += ": " + r.Reply.String()
	}
	return s
}

// Format writes what String returns, for every verb.
func (r RecipientReceipt) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// maxLogged is how many recipients a log line names.
const maxLogged = 10

// LogValue returns the receipt for log/slog: outcome, code, reply, queue id,
// octets and time, and those recipients, at most ten, who did not get the
// message, with their addresses: a log of deliveries is for finding them.
// Everything is escaped.
func (r Receipt) LogValue() slog.Value {
	var missed []string
	missing := 0
	for i := range r.Recipients {
		if r.Recipients[i].Outcome == Accepted {
			continue
		}
		if missing++; missing <= maxLogged {
			missed = append(missed, r.Recipients[i].String())
		}
	}
	attrs := []slog.Attr{
		slog.String("outcome", r.Outcome.String()),
		slog.Int("recipients", len(r.Recipients)),
		slog.Int("accepted", len(r.Recipients)-missing),
		slog.Int64("octets", r.Octets),
		slog.Duration("duration", r.Ended.Sub(r.Began)),
	}
	if !r.Reply.IsZero() {
		attrs = append(attrs, slog.Int("code", r.Reply.Code), slog.String("reply", r.Reply.String()))
	}
	if r.QueueID != "" {
		attrs = append(attrs, slog.String("queue_id", Escape(r.QueueID)))
	}
	if missed != nil {
		attrs = append(attrs, slog.Any("missed", missed))
	}
	return slog.GroupValue(attrs...)
}
