package smtp

import (
	"errors"
	"testing"
)

func TestParseLimits_RFC9422(t *testing.T) {
	for _, tt := range []struct {
		line string
		want Limits
		fine bool
	}{
		{"SIZE", Limits{}, true},
		{"LIMITS", Limits{}, true},
		{"LIMITS RCPTMAX=20 MAILMAX=5", Limits{RcptMax: 20, MailMax: 5}, true},
		{"limits rcptdomainmax=1", Limits{RcptDomainMax: 1}, true},
		{"LIMITS XMAX=0 RCPTMAX=999999 Y", Limits{RcptMax: 999999}, true},
		{"LIMITS RCPTMAX=1000000 MAILMAX=5", Limits{MailMax: 5}, false},
		{"LIMITS RCPTMAX=0", Limits{}, false},
		{"LIMITS RCPTMAX", Limits{}, false},
		{"LIMITS RCPTMAX=-1", Limits{}, false},
		{"LIMITS RCPTMAX=+1", Limits{}, false},
		{"LIMITS MAILMAX=1\x1b", Limits{}, false},
		{"LIMITS MAILMAX=99999999999999999999", Limits{}, false},
	} {
		got, err := ParseLimits(terms(tt.line).Capabilities)
		if got != tt.want || (err == nil) != tt.fine || err != nil && !errors.Is(err, ErrProtocol) {
			t.Errorf("%q: %+v, %v; want %+v", tt.line, got, err, tt.want)
		}
		if err != nil {
			checkPrintable(t, err.Error())
		}
	}
}
