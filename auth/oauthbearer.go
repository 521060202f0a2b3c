package auth

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"
)

// buildOAuthBearer returns a client of OAUTHBEARER (RFC 7628). It may go without
// a user: the token says who it is.
func buildOAuthBearer(ctx context.Context, c *chooser, _ connection) (sasl.Client, error) {
	return newBearer(ctx, c.tokens, sasl.OAuthBearer, "\x01", func(token string) string {
		var b strings.Builder
		b.WriteString("n,")
		if as := cmp.Or(c.Identity, c.UserName); as != "" { // a saslname of RFC 5801 4
			b.WriteString("a=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(as))
		}
		b.WriteString(",\x01")
		if c.Host != "" {
			b.WriteString("host=" + c.Host + "\x01")
		}
		if c.Port != 0 {
			b.WriteString("port=" + strconv.Itoa(c.Port) + "\x01")
		}
		b.WriteString("auth=Bearer " + token + "\x01\x01")
		return b.String()
	})
}

// bearer is a client of OAUTHBEARER or XOAUTH2: all is in the initial response,
// and a challenge is the server's error, which a dummy answers so that the final
// reply can come (RFC 7628 3.2.3).
type bearer struct {
	mechanism
	dummy   string
	initial func() string
	read    func(challenge []byte) *TokenError
	drop    func() // of the token from where it is cached
	refused bool
	reason  *TokenError
}

// newBearer returns a client that shows a token of source in what say makes.
func newBearer(ctx context.Context, source *tokens, name mechanism, dummy string, say func(token string) string) (sasl.Client, error) {
	token, err := source.get(ctx)
	if err != nil {
		return nil, err
	}
	return &bearer{
		mechanism: name,
		dummy:     dummy,
		initial:   func() string { return say(token) },
		read:      func(challenge []byte) *TokenError { return parseTokenError(challenge, token) },
		drop:      func() { source.drop(token) },
	}, nil
}

func (b *bearer) Start() (string, []byte, error) {
	return string(b.mechanism), []byte(b.initial()), nil
}

func (b *bearer) Next(challenge []byte) ([]byte, error) {
	if b.refused {
		return nil, b.unexpected()
	}
	b.refused = true
	b.reason = b.read(challenge)
	return []byte(b.dummy), nil
}

func (b *bearer) Done() bool { return !b.refused }

func (b *bearer) Refused() error {
	b.drop()
	if b.reason == nil {
		return nil
	}
	return b.reason
}
