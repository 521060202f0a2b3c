package setup

import (
	"time"

	"github.com/ehlo-go/ehlo/smtptest"
)

// Wait writes out the replies that there are and waits, or until the connection
// ends.
func Wait(d time.Duration) smtptest.Step {
	return func(c *smtptest.Conn) {
		_ = c.Write("")
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.Context().Done():
		}
	}
}
