package smtp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"
)

func refused(code int) error {
	return &Error{Kind: KindReply, Reply: Reply{Code: code}, Permanent: code >= 500}
}

func TestReceipt_Err_And_SafeToRetry(t *testing.T) {
	lost := &Error{Kind: KindLost, Err: io.EOF}
	to := func(o Outcome, err error) RecipientReceipt {
		return RecipientReceipt{Address: "a@b", Outcome: o, Err: err}
	}
	for _, tt := range []struct {
		name    string
		receipt Receipt
		kind    error // its sentinel; nil is no error
		code    int
		retry   bool
	}{
		{"accepted", Receipt{Outcome: Accepted, Recipients: []RecipientReceipt{to(Accepted, nil)}}, nil, 0, false},
		{"lost before the end", Receipt{Outcome: NotSent, Cause: lost, Recipients: []RecipientReceipt{to(NotSent, lost)}}, ErrLost, 10054, true},
		{"cancelled while queued", Receipt{Cause: &Error{Kind: KindCanceled, Err: context.Canceled}}, context.Canceled, 10004, true},
		{"never offered", Receipt{Cause: notOffered("DSN", "x")}, ErrNotOffered, 20013, false},
		{"invalid", Receipt{Cause: Invalid("x")}, ErrInvalid, 10022, false},
		{"MAIL 451", Receipt{Outcome: Rejected, Cause: refused(451), Recipients: []RecipientReceipt{to(Rejected, refused(451))}}, ErrReply, 451, true},
		{"the end 554", Receipt{Outcome: Rejected, Cause: refused(554), Recipients: []RecipientReceipt{to(Rejected, refused(554))}}, ErrReply, 554, false},
		{"lost after the end", Receipt{Outcome: Unknown, Cause: lost, Recipients: []RecipientReceipt{to(Unknown, lost)}}, ErrLost, 10054, false},
		{"LMTP, one answered no and the rest lost", Receipt{Outcome: Unknown, Cause: lost, Recipients: []RecipientReceipt{to(Rejected, refused(450)), to(Unknown, lost)}}, ErrLost, 10054, false},
		{"some refused for good", Receipt{Outcome: Accepted, Recipients: []RecipientReceipt{to(Accepted, nil), to(Rejected, refused(550))}}, ErrSomeRefused, 550, false},
		{"some refused for now", Receipt{Outcome: Accepted, Recipients: []RecipientReceipt{to(Rejected, refused(452)), to(Accepted, nil)}}, ErrSomeRefused, 452, false},
		{"all refused, one for now", Receipt{Outcome: Rejected, Recipients: []RecipientReceipt{to(Rejected, refused(550)), to(Rejected, refused(452)), to(Rejected, refused(553))}}, ErrReply, 452, true},
		{"all refused for good", Receipt{Outcome: Rejected, Recipients: []RecipientReceipt{to(Rejected, refused(550)), to(Rejected, refused(553))}}, ErrReply, 550, false},
		{"AllOrNothing, one for now", Receipt{Outcome: NotSent, Cause: refused(452), Recipients: []RecipientReceipt{to(NotSent, nil), to(Rejected, refused(452))}}, ErrReply, 452, true},
		{"AllOrNothing, one for good", Receipt{Outcome: NotSent, Cause: refused(550), Recipients: []RecipientReceipt{to(NotSent, nil), to(Rejected, refused(550))}}, ErrReply, 550, false},
		// A receipt that contradicts itself is no reason to send twice.
		{"a recipient knows more", Receipt{Outcome: NotSent, Cause: lost, Recipients: []RecipientReceipt{to(Unknown, lost)}}, ErrLost, 10054, false},
		{"accepted after all", Receipt{Outcome: NotSent, Cause: lost, Recipients: []RecipientReceipt{to(Accepted, nil)}}, ErrLost, 10054, false},
		{"no such outcome", Receipt{Outcome: 9, Cause: lost}, ErrLost, 10054, false},
	} {
		err := tt.receipt.Err()
		if tt.kind == nil != (err == nil) || err != nil && !errors.Is(err, tt.kind) || SafeToRetry(err) != tt.retry {
			t.Errorf("%s: %v, safe to retry %v", tt.name, err, SafeToRetry(err))
			continue
		}
		if err == nil {
			continue
		}
		if e, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%s: %v is no *Error", tt.name, err)
		} else if tt.kind == ErrSomeRefused {
			if _, ok := errors.AsType[*Error](e.Err); !ok || Code(e.Err) != tt.code || e.Permanent != (tt.code >= 500) || Code(err) != 20014 {
				t.Errorf("%s: %+v", tt.name, e)
			}
		} else if Code(err) != tt.code {
			t.Errorf("%s: code %d", tt.name, Code(err))
		}
		if again := fmt.Errorf("outside: %w", err); SafeToRetry(again) != tt.retry {
			t.Errorf("%s: a wrapped error is judged differently", tt.name)
		}
	}
}

func TestReceipt_Err_IsNeverNilWithoutAcceptance(t *testing.T) {
	for _, r := range []Receipt{{}, {Outcome: Rejected}, {Outcome: Unknown}, {Outcome: Unknown, Recipients: make([]RecipientReceipt, 2)}, {Outcome: Accepted, Recipients: make([]RecipientReceipt, 1)}} {
		if r.Err() == nil {
			t.Errorf("%+v: no error", r)
		}
	}
}

func TestSafeToRetry_SaysNoToWhatIsNotOfAMessage(t *testing.T) {
	for _, err := range []error{nil, io.EOF, context.Canceled, &Error{Kind: KindLost}, &Error{Kind: KindNotConnected}, refused(451)} {
		if SafeToRetry(err) {
			t.Errorf("%v", err)
		}
	}
}

func TestReceipt_H8_NoRawTextIsPrinted(t *testing.T) {
	const bad = "\x1b]0;title\x07\r\n\x00\xff\u202e"
	r := Receipt{
		Outcome: Rejected, Reply: Reply{Code: 550, Text: bad}, QueueID: bad, Cause: errors.New(bad), Began: time.Unix(0, 0), Ended: time.Unix(2, 0),
		Recipients: []RecipientReceipt{{Address: bad, Outcome: Rejected, Reply: Reply{Code: 550, Text: bad}, Err: errors.New(bad)}},
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("sent", "receipt", r)
	line := strings.TrimSuffix(log.String(), "\n")
	checkPrintable(t, line)
	for _, part := range []string{"receipt.outcome=rejected", "receipt.recipients=1", "receipt.accepted=0", "receipt.duration=2s", "receipt.code=550", "title"} {
		if !strings.Contains(line, part) {
			t.Errorf("%s lacks %s", line, part)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		checkPrintable(t, fmt.Sprintf(verb, r))
		checkPrintable(t, fmt.Sprintf(verb, &r))
		checkPrintable(t, fmt.Sprintf(verb, r.Recipients[0]))
	}
	checkPrintable(t, r.Recipients[0].String())
}

func TestReceipt_LogValue_NamesAtMostTenWhoMissedIt(t *testing.T) {
	r := Receipt{Outcome: Accepted, Reply: Reply{Code: 250, Text: "ok"}, QueueID: "ABC"}
	for i := range 100 {
		to := RecipientReceipt{Address: "user" + strconv.Itoa(i) + "@example.org", Outcome: Rejected, Reply: Reply{Code: 550, Text: "no"}}
		if i < 50 {
			to.Outcome = Accepted
		}
		r.Recipients = append(r.Recipients, to)
	}
	text := r.LogValue().String()
	if n := strings.Count(text, "@example.org: rejected: 550 no"); n != maxLogged || !strings.Contains(text, "accepted=50") || !strings.Contains(text, "queue_id=ABC") || strings.Contains(text, "user1@") {
		t.Errorf("%d named in %s", n, text)
	}
}

func TestReceipt_StringSaysWhoHasIt(t *testing.T) {
	for want, r := range map[string]Receipt{
		"accepted for 1 of 2":          {Outcome: Accepted, Recipients: []RecipientReceipt{{Outcome: Accepted}, {Outcome: Rejected}}},
		"rejected for all 2: 550 no":   {Outcome: Rejected, Recipients: []RecipientReceipt{{Outcome: Rejected}, {Outcome: Rejected}}, Reply: Reply{Code: 550, Text: "no"}},
		"unknown for all 1":            {Outcome: Unknown, Recipients: []RecipientReceipt{{Outcome: Unknown}}},
		"unknown, accepted for 1 of 2": {Outcome: Unknown, Recipients: []RecipientReceipt{{Outcome: Unknown}, {Outcome: Accepted}}},
	} {
		if got := r.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
