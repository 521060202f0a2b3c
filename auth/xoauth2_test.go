package auth

import (
	"encoding/base64"
	"testing"
)

func TestXOAuth2_VectorOfItsMakers(t *testing.T) { // https://developers.google.com/gmail/imap/xoauth2-protocol
	const vector = "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="
	c := clientOf(t, Credentials{Mechanism: "XOAUTH2", UserName: "someuser@example.com", Token: StaticToken("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")})
	name, initial, err := c.Start()
	if got := base64.StdEncoding.EncodeToString(initial); name != "XOAUTH2" || got != vector || err != nil || !Done(c) {
		t.Errorf("%s %q %v, done %t", name, initial, err, Done(c))
	}
}
