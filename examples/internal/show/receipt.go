package show

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
)

// endMessage prints the receipt: the message, then each recipient.
func (s *Screen) endMessage() {
	if s.message == nil {
		return
	}
	r := s.message.Receipt
	s.Section("Receipt")
	s.row("outcome", r.Outcome.String(), s.outcome(r.Outcome, s.message.Err))
	if !r.Reply.IsZero() {
		s.row("reply", r.Reply.String(), s.plain)
	}
	if r.QueueID != "" {
		s.row("queue id", smtp.Escape(r.QueueID), s.plain)
	}
	if how := travelled(r); how != "" {
		s.row("content", how, s.plain)
	}
	s.row("took", fmt.Sprintf("%s, %s", short(s.message.Elapsed), count(int64(r.Flights), "flight")), s.plain)
	for i := range r.Recipients {
		s.recipient(&r.Recipients[i])
	}
}

// travelled says how the content went, "" if none of it did.
func travelled(r *smtp.Receipt) string {
	if r.Octets == 0 && r.Outcome != smtp.Accepted {
		return ""
	}
	by := "by DATA"
	if r.Chunked {
		by = "by BDAT"
	}
	text := count(r.Octets, "octet") + " " + by
	if r.LongLines > 0 {
		text += ", " + count(int64(r.LongLines), "line") + " over 998 octets"
	}
	return text
}

func count(n int64, of string) string {
	if n != 1 {
		of += "s"
	}
	return strconv.FormatInt(n, 10) + " " + of
}

const addressColumn = 26

// recipient prints an address, its outcome and the answer, or why there is none.
func (s *Screen) recipient(to *smtp.RecipientReceipt) {
	address, why := smtp.Escape(to.Address), to.Reply.String()
	if to.Outcome != smtp.Accepted && !to.Reply.Negative() {
		why = Say(to.Err)
	}
	if Wide(address) >= addressColumn {
		for _, line := range Wrap(address, Columns-2) {
			fmt.Fprintf(s.out, "  %s\n", line)
		}
		address = ""
	}
	const outcomeColumn = len("accepted") + 2
	colour := s.outcome(to.Outcome, to.Err)
	lines := Wrap(why, Columns-2-addressColumn-outcomeColumn)
	fmt.Fprintf(s.out, "  %s%s%s\n", pad(address, addressColumn), colour(pad(to.Outcome.String(), outcomeColumn)), lines[0])
	for _, line := range lines[1:] {
		fmt.Fprintf(s.out, "  %s%s\n", strings.Repeat(" ", addressColumn+outcomeColumn), line)
	}
}

// outcome returns the colour of an outcome; err is why it is not what was wanted.
func (s *Screen) outcome(o smtp.Outcome, err error) func(string) string {
	switch {
	case err == nil:
		return s.Green
	case o == smtp.Accepted || o == smtp.Unknown: // not by all, or nobody knows
		return s.Yellow
	}
	return s.Red
}

// fate names what became of a message that did not reach everybody.
func fate(e *events.OnMessage) string {
	switch e.Receipt.Outcome {
	case smtp.Accepted:
		return "Not accepted for all"
	case smtp.Rejected:
		return "Rejected"
	case smtp.Unknown:
		return "Unknown"
	case smtp.NotSent:
	}
	return "Not sent"
}

// messageHint returns what to look at after a message that did not reach
// everybody; "" where the error says it all.
func messageHint(r *smtp.Receipt, err error) string {
	switch r.Outcome {
	case smtp.Unknown:
		return "all of it was handed over and no answer came: the server may have it. Sent again it may arrive twice; ask there, by the envelope or the Message-ID"
	case smtp.Accepted:
		return "send it to the others alone: those who have it would get it twice"
	case smtp.Rejected, smtp.NotSent:
	}
	e, ok := errors.AsType[*smtp.Error](err)
	if !ok {
		return ""
	}
	switch e.Kind {
	case smtp.KindNotOffered:
		return "the message asks for more than the server offers; what it does stands above, after EHLO and perhaps more within TLS"
	case smtp.KindTooLarge:
		return "the server says its limit after SIZE above; nothing was sent"
	case smtp.KindContent:
		return "the message could not be read to its end; nothing of it was delivered"
	case smtp.KindSessionSpent:
		return "the server takes no more messages on this connection: connect again"
	case smtp.KindLost:
		return "the server hung up before it had the whole message; it can be sent again"
	case smtp.KindReply:
		return refusalHint(e)
	default:
		return Hint(err)
	}
}

// refusalHint is of a 4yz or 5yz to a message or its recipients.
func refusalHint(e *smtp.Error) string {
	switch {
	case !e.Permanent:
		return "it may pass: send it again later, by hours rather than seconds"
	case e.Reply.Code == 530 || e.Reply.Enhanced == smtp.EnhancedCode{Class: 5, Subject: 7, Detail: 0}:
		return "the server wants a login, or TLS before: -auth, -options SecureExplicit"
	case e.Reply.Code == 550 || e.Reply.Code == 551 || e.Reply.Code == 553:
		return "look at the address; a server that does not relay says so too, and wants -auth or is the wrong one for that domain"
	case e.Reply.Code == 552:
		return "too large, or the mailbox is full; the server's words stand above"
	case e.Command == "MAIL":
		return "the server does not want this sender; its words stand above"
	}
	return "the server does not want this message; its words stand above"
}
