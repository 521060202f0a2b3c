package auth

import "github.com/emersion/go-sasl"

const xoauth2 = "XOAUTH2"

// NewXOAuth2 returns a client of XOAUTH2, what Google and Microsoft had before
// OAUTHBEARER (https://developers.google.com/gmail/imap/xoauth2-protocol).
func NewXOAuth2(user, token string) (sasl.Client, error) {
	c := Credentials{Mechanism: xoauth2, UserName: user, Token: StaticToken(token)}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := checkToken(token); err != nil {
		return nil, err
	}
	return newXOAuth2(user, token, nil), nil
}

func newXOAuth2(user, token string, drop func()) *bearer {
	initial := "user=" + user + "\x01auth=Bearer " + token + "\x01\x01"
	return &bearer{mechanism: xoauth2, token: token, initial: initial, drop: drop}
}
