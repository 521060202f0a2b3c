package auth

import (
	"errors"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestAnonymous_TraceIsOptionalAndBounded(t *testing.T) { // RFC 4505 2
	for trace, ok := range map[string]bool{
		"": true, "sirhc": true, strings.Repeat("\u00fc", 255): true, strings.Repeat("x", 256): false, "a\r\nb": false, "\xff": false,
	} {
		c, err := Credentials{Mechanism: "ANONYMOUS", UserName: trace}.Authenticator()(t.Context(), []string{"ANONYMOUS"}, nil)
		if ok != (err == nil) || !ok && !errors.Is(err, smtp.ErrInvalid) {
			t.Errorf("%.20q: %v", trace, err)
			continue
		}
		if !ok {
			continue
		}
		if name, initial, _ := c.Start(); name != "ANONYMOUS" || initial == nil || string(initial) != trace {
			t.Errorf("%s %q", name, initial)
		}
	}
}
