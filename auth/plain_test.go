package auth

import (
	"testing"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/smtp"
)

// made is for calls whose arguments are known to be good.
func made(t testing.TB) func(sasl.Client, error) sasl.Client {
	return func(c sasl.Client, err error) sasl.Client {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// clientOf returns a client of the mechanism that good credentials name.
func clientOf(t testing.TB, c Credentials) sasl.Client {
	t.Helper()
	return made(t)(c.Authenticator()(t.Context(), []string{c.Mechanism}, nil))
}

func TestPlain_VectorsOfTheRFC(t *testing.T) { // RFC 4616 4
	for want, c := range map[string]sasl.Client{
		"\x00tim\x00tanstaaftanstaaf":    clientOf(t, Credentials{Mechanism: "PLAIN", UserName: "tim", Password: "tanstaaftanstaaf"}),
		"Ursel\x00Kurt\x00xipj3plmq":     clientOf(t, Credentials{Mechanism: "PLAIN", Identity: "Ursel", UserName: "Kurt", Password: "xipj3plmq"}),
		"\x00j\u00fcrgen\x00\u20acuro\n": clientOf(t, Credentials{Mechanism: "PLAIN", UserName: "j\u00fcrgen", Password: "\u20acuro\n"}),
	} {
		name, initial, err := c.Start()
		if name != "PLAIN" || string(initial) != want || err != nil {
			t.Errorf("%s %q %v, want %q", name, initial, err, want)
		}
	}
}

func TestSaid_H10_AChallengeIsAProtocolError(t *testing.T) {
	for name, c := range map[string]sasl.Client{
		"PLAIN":     clientOf(t, Credentials{Mechanism: "PLAIN", UserName: "tim", Password: "tanstaaf"}),
		"EXTERNAL":  clientOf(t, Credentials{Mechanism: "EXTERNAL", Identity: "tim"}),
		"ANONYMOUS": clientOf(t, Credentials{Mechanism: "ANONYMOUS", UserName: "tim"}),
	} {
		got, initial, err := c.Start()
		if got != name || initial == nil || err != nil || !Done(c) {
			t.Errorf("Start: %s %q %v, done %t", got, initial, err, Done(c))
		}
		for range 2 {
			response, err := c.Next([]byte("Password:"))
			if response != nil || kindOf(err) != smtp.KindProtocol {
				t.Errorf("%s: %q %v", name, response, err)
			}
		}
	}
}
