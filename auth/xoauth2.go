package auth

import (
	"context"

	"github.com/emersion/go-sasl"
)

const xoauth2 = "XOAUTH2"

// buildXOAuth2 returns a client of XOAUTH2, what Google and Microsoft had before
// OAUTHBEARER (https://developers.google.com/gmail/imap/xoauth2-protocol).
func buildXOAuth2(ctx context.Context, c *chooser, _ connection) (sasl.Client, error) {
	return newBearer(ctx, c.tokens, xoauth2, "", func(token string) string {
		return "user=" + c.UserName + "\x01auth=Bearer " + token + "\x01\x01"
	})
}
