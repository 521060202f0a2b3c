package letter

import (
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestParseDSN(t *testing.T) {
	for s, want := range map[string]struct {
		mail   smtp.Mail
		notify smtp.Notify
	}{
		"ret=full":                               {smtp.Mail{Return: smtp.ReturnFull}, 0},
		"RET=HDRS, envid = 42":                   {smtp.Mail{Return: smtp.ReturnHeaders, EnvelopeID: "42"}, 0},
		"notify=never":                           {smtp.Mail{}, smtp.NotifyNever},
		"notify=Success,FAILURE,delay,envid=a=b": {smtp.Mail{EnvelopeID: "a=b"}, smtp.NotifySuccess | smtp.NotifyFailure | smtp.NotifyDelay},
		"notify=delay,notify=failure":            {smtp.Mail{}, smtp.NotifyFailure | smtp.NotifyDelay},
	} {
		var m smtp.Mail
		if n, err := parseDSN(s, &m); err != nil || n != want.notify || m.Return != want.mail.Return || m.EnvelopeID != want.mail.EnvelopeID {
			t.Errorf("%q: %+v, %v, %v", s, m, n, err)
		}
	}
}
