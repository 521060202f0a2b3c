package auth

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestOAuthBearer_VectorOfTheRFC(t *testing.T) { // RFC 7628 4.1
	const vector = "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
	c := clientOf(t, Credentials{Mechanism: "OAUTHBEARER", UserName: "user@example.com", Token: StaticToken("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="), Host: "server.example.com", Port: 143})
	name, initial, err := c.Start()
	if got := base64.StdEncoding.EncodeToString(initial); name != "OAUTHBEARER" || got != vector || err != nil || !Done(c) {
		t.Errorf("%s %q %v, done %t", name, initial, err, Done(c))
	}
}

func TestOAuthBearer_PartsAreEscapedOrLeftOut(t *testing.T) {
	for want, c := range map[string]sasl.Client{
		"n,,\x01auth=Bearer T\x01\x01":                clientOf(t, Credentials{Mechanism: "OAUTHBEARER", Token: StaticToken("T")}),
		"n,a=a=2Cb=3D2C,\x01auth=Bearer T\x01\x01":    clientOf(t, Credentials{Mechanism: "OAUTHBEARER", UserName: "a,b=2C", Token: StaticToken("T")}),
		"n,,\x01host=mx\x01auth=Bearer T\x01\x01":     clientOf(t, Credentials{Mechanism: "OAUTHBEARER", Token: StaticToken("T"), Host: "mx"}),
		"n,a=u,\x01port=587\x01auth=Bearer T\x01\x01": clientOf(t, Credentials{Mechanism: "OAUTHBEARER", UserName: "u", Token: StaticToken("T"), Port: 587}),
	} {
		if _, initial, _ := c.Start(); string(initial) != want {
			t.Errorf("%q, want %q", initial, want)
		}
	}
}

func TestBearer_H10_AnErrorIsAnsweredOnceAndKept(t *testing.T) {
	const says = `{"status":"invalid_token","schemes":"bearer","scope":"mail https://x.example/"}`
	for _, c := range []struct {
		client sasl.Client
		dummy  string
		says   string
		want   string
	}{
		{clientOf(t, Credentials{Mechanism: "OAUTHBEARER", UserName: "u", Token: StaticToken("T0ken0123456789")}), "\x01", says, `token refused: invalid_token (scope mail https://x.example/)`},
		{clientOf(t, Credentials{Mechanism: "XOAUTH2", UserName: "u", Token: StaticToken("T0ken0123456789")}), "", says, `token refused: invalid_token (scope mail https://x.example/)`},
		{clientOf(t, Credentials{Mechanism: "XOAUTH2", UserName: "u", Token: StaticToken("T0ken0123456789")}), "", "", ""},
		{clientOf(t, Credentials{Mechanism: "OAUTHBEARER", UserName: "u", Token: StaticToken("T0ken0123456789")}), "\x01", "{", ""},
	} {
		if err := Refused(c.client); err != nil {
			t.Errorf("a reason before there is one: %v", err)
		}
		response, err := c.client.Next([]byte(c.says))
		if response == nil || string(response) != c.dummy || err != nil {
			t.Errorf("%q: %v %v, want %q", c.says, response, err, c.dummy)
		}
		if Done(c.client) {
			t.Error("235 would be believed after an error")
		}
		switch err := Refused(c.client); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || err.Error() != c.want):
			t.Errorf("%q: %v, want %q", c.says, err, c.want)
		case c.want != "":
			if e, ok := errors.AsType[*TokenError](err); !ok || e.Status != "invalid_token" {
				t.Errorf("%#v", err)
			}
		}
		if response, err := c.client.Next([]byte(c.says)); response != nil || kindOf(err) != smtp.KindProtocol {
			t.Errorf("second challenge: %q %v", response, err)
		}
	}
}
