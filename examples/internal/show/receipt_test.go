package show

import (
	"errors"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/smtp"
)

// told returns what is shown of a message after its line.
func told(p Palette, r *smtp.Receipt) string {
	_, text, _ := strings.Cut(screenOf(p, events.OnMessage{Receipt: r, Err: r.Err()}), "Receipt")
	return text
}

func recipientOf(o smtp.Outcome, r smtp.Reply, err error) smtp.RecipientReceipt {
	return smtp.RecipientReceipt{Address: "a@example.net", Outcome: o, Reply: r, Err: err}
}

// Each recipient has its own row: what the server answered, or why nobody did.
func TestReceipt_Rows(t *testing.T) {
	taken, refused := smtp.Reply{Code: 250, Text: "ok"}, smtp.Reply{Code: 550, Text: "who?"}
	no, lost := &smtp.Error{Kind: smtp.KindReply, Reply: refused, Permanent: true}, &smtp.Error{Kind: smtp.KindLost}
	long := strings.Repeat("x", 30) + "@example.net"
	for want, r := range map[string]*smtp.Receipt{
		"  outcome      accepted\n  reply        250 ok\n  queue id     4cX\n  content      22 octets by BDAT, 1 line over 998 octets\n" +
			"  took         0.00 ms, 2 flights\n  a@example.net             accepted  250 ok\n": {
			Outcome: smtp.Accepted, Reply: taken, QueueID: "4cX", Octets: 22, LongLines: 1, Flights: 2, Chunked: true,
			Recipients: []smtp.RecipientReceipt{recipientOf(smtp.Accepted, taken, nil)}},
		"  content      0 octets by DATA\n  took         0.00 ms, 1 flight\n": {Outcome: smtp.Accepted, Flights: 1},
		"  took         0.00 ms, 1 flight\n  a@example.net             rejected  550 who?\n\nRejected\n  code         550\n  reply        550 who?\n  hint         look at the address": {
			Outcome: smtp.Rejected, Flights: 1, Recipients: []smtp.RecipientReceipt{recipientOf(smtp.Rejected, refused, no)}},
		"  a@example.net             not_sent  connection lost\n\nNot sent\n": {
			Outcome: smtp.NotSent, Cause: lost, Recipients: []smtp.RecipientReceipt{recipientOf(smtp.NotSent, taken, lost)}},
		"  a@example.net             unknown   connection lost\n\nUnknown\n": {
			Outcome: smtp.Unknown, Cause: lost, Recipients: []smtp.RecipientReceipt{recipientOf(smtp.Unknown, taken, lost)}},
		"  a@example.net             accepted  250 ok\n  a@example.net             rejected  550 who?\n\nNot accepted for all\n": {
			Outcome: smtp.Accepted, Recipients: []smtp.RecipientReceipt{recipientOf(smtp.Accepted, taken, nil), recipientOf(smtp.Rejected, refused, no)}},
		"  " + long + "\n                            accepted  250 ok\n": {
			Outcome: smtp.Accepted, Recipients: []smtp.RecipientReceipt{{Address: long, Outcome: smtp.Accepted, Reply: taken}}},
	} {
		text := told(Palette{}, r)
		playtest.CheckPrintable(t, text)
		if !strings.Contains(text, want) {
			t.Errorf("\n got %s\nwant %s", text, want)
		}
	}
	if text := told(Palette{}, &smtp.Receipt{Outcome: smtp.Accepted}); strings.Contains(text, "hint") || strings.Contains(text, "code") {
		t.Errorf("of a success: %s", text)
	}
}

// Green is everybody, yellow is for a person to look at, red is nobody.
func TestReceipt_Colours(t *testing.T) {
	lost := &smtp.Error{Kind: smtp.KindLost}
	for want, r := range map[string]*smtp.Receipt{
		"\x1b[32maccepted": {Outcome: smtp.Accepted, Recipients: []smtp.RecipientReceipt{recipientOf(smtp.Accepted, smtp.Reply{}, nil)}},
		"\x1b[33maccepted": {Outcome: smtp.Accepted, Recipients: []smtp.RecipientReceipt{recipientOf(smtp.Accepted, smtp.Reply{}, nil), recipientOf(smtp.Rejected, smtp.Reply{}, lost)}},
		"\x1b[33munknown":  {Outcome: smtp.Unknown, Cause: lost},
		"\x1b[31mrejected": {Outcome: smtp.Rejected, Cause: lost},
		"\x1b[31mnot_sent": {Outcome: smtp.NotSent, Cause: lost},
	} {
		if text := told(Palette{true}, r); !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// What is said of a message is of its fate first, and then of the error.
func TestMessageHint(t *testing.T) {
	reply := func(code int, enhanced smtp.EnhancedCode, command string) *smtp.Error {
		return &smtp.Error{Kind: smtp.KindReply, Command: command, Reply: smtp.Reply{Code: code, Enhanced: enhanced}, Permanent: code >= 500}
	}
	none := smtp.EnhancedCode{}
	for _, c := range []struct {
		outcome smtp.Outcome
		err     error
		want    string
	}{
		{smtp.Unknown, &smtp.Error{Kind: smtp.KindLost}, "may arrive twice"},
		{smtp.Accepted, &smtp.Error{Kind: smtp.KindSomeRefused}, "others alone"},
		{smtp.NotSent, &smtp.Error{Kind: smtp.KindNotOffered}, "more than the server offers"},
		{smtp.NotSent, &smtp.Error{Kind: smtp.KindTooLarge}, "SIZE"},
		{smtp.NotSent, &smtp.Error{Kind: smtp.KindContent}, "could not be read"},
		{smtp.NotSent, &smtp.Error{Kind: smtp.KindSessionSpent}, "connect again"},
		{smtp.NotSent, &smtp.Error{Kind: smtp.KindLost}, "hung up"},
		{smtp.NotSent, &smtp.Error{Kind: smtp.KindTimeout, Phase: "mail"}, "-timeout"},
		{smtp.NotSent, &smtp.Error{Kind: smtp.KindInvalid}, "-h "},
		{smtp.Rejected, reply(451, none, "RCPT"), "later"},
		{smtp.Rejected, reply(530, none, "MAIL"), "-auth"},
		{smtp.Rejected, reply(554, smtp.EnhancedCode{Class: 5, Subject: 7}, "MAIL"), "-auth"},
		{smtp.Rejected, reply(550, none, "RCPT"), "relay"},
		{smtp.Rejected, reply(552, none, "end of content"), "too large"},
		{smtp.Rejected, reply(554, none, "MAIL"), "this sender"},
		{smtp.Rejected, reply(554, none, "end of content"), "this message"},
	} {
		if got := messageHint(&smtp.Receipt{Outcome: c.outcome}, c.err); !strings.Contains(got, c.want) {
			t.Errorf("%v, %v: %q, want %q in it", c.outcome, c.err, got, c.want)
		}
	}
	if got := messageHint(&smtp.Receipt{}, errors.New("x")); got != "" {
		t.Errorf("of a foreign error: %q", got)
	}
}
