package smtp

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits are what a server says it will bear (RFC 9422); 0 is not said.
type Limits struct {
	RcptMax       int // recipients in one transaction
	MailMax       int // transactions in one session
	RcptDomainMax int // domains of recipients in one session
}

// ParseLimits reads the LIMITS of an EHLO reply (RFC 9422 2). Names it does not
// know are read over. A value that is no number from 1 to 999999 is an error of
// KindProtocol; the limits that could be read come with it.
func ParseLimits(c Capabilities) (Limits, error) {
	var l Limits
	var err error
	params, _ := c.Params("LIMITS")
	for param := range strings.FieldsSeq(params) {
		name, value, _ := strings.Cut(param, "=")
		var field *int
		switch {
		case strings.EqualFold(name, "RCPTMAX"):
			field = &l.RcptMax
		case strings.EqualFold(name, "MAILMAX"):
			field = &l.MailMax
		case strings.EqualFold(name, "RCPTDOMAINMAX"):
			field = &l.RcptDomainMax
		default:
			continue
		}
		n, bad := strconv.ParseUint(value, 10, 32)
		if bad != nil || n == 0 || n > 999999 {
			err = &Error{Kind: KindProtocol, Err: fmt.Errorf("LIMITS says %q: want a number from 1 to 999999 (RFC 9422 4)", param)}
			continue
		}
		*field = int(n)
	}
	return l, err
}
