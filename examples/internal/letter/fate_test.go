package letter

import (
	"errors"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/smtp"
)

func TestStatus(t *testing.T) {
	no := &smtp.Error{Kind: smtp.KindReply}
	for want, r := range map[int]*smtp.Receipt{
		ExitAccepted:     {Outcome: smtp.Accepted, Recipients: []smtp.RecipientReceipt{{Outcome: smtp.Accepted}}},
		ExitSome:         {Outcome: smtp.Accepted, Recipients: []smtp.RecipientReceipt{{Outcome: smtp.Accepted}, {Outcome: smtp.Rejected, Err: no}}},
		ExitUnknown:      {Outcome: smtp.Unknown, Cause: no},
		setup.ExitFailed: {Outcome: smtp.Rejected, Cause: no},
	} {
		if got := Status(r); got != want {
			t.Errorf("%v: %d, want %d", r, got, want)
		}
	}
}

// What no session was there for was not sent, to anybody.
func TestUnsent(t *testing.T) {
	why := errors.New("no session")
	r := Unsent(&smtp.Message{Recipients: smtp.To("a@example.net", "b@example.net")}, why)
	if r.Outcome != smtp.NotSent || len(r.Recipients) != 2 || !errors.Is(r.Err(), why) || !errors.Is(r.Recipients[1].Err, why) || Status(r) != setup.ExitFailed {
		t.Errorf("%v", r)
	}
}
