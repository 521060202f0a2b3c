package letter

import (
	"time"

	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/smtp"
)

// The exit statuses of programs that send a message.
const (
	ExitAccepted = setup.ExitDone
	ExitSome     = 3
	ExitUnknown  = 4
)

// Unsent returns the receipt of a message that no session was there for.
func Unsent(m *smtp.Message, err error) *smtp.Receipt {
	now := time.Now()
	r := &smtp.Receipt{Outcome: smtp.NotSent, Cause: err, Began: now, Ended: now}
	for _, to := range m.Recipients {
		r.Recipients = append(r.Recipients, smtp.RecipientReceipt{Address: to.Address, Err: err})
	}
	return r
}

// Status returns the exit status that tells what became of a message.
func Status(r *smtp.Receipt) int {
	switch {
	case r.Err() == nil:
		return ExitAccepted
	case r.Outcome == smtp.Accepted:
		return ExitSome
	case r.Outcome == smtp.Unknown:
		return ExitUnknown
	}
	return setup.ExitFailed
}
