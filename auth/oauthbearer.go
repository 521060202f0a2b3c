package auth

import (
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"
)

// NewOAuthBearer returns a client of OAUTHBEARER (RFC 7628). user may be empty:
// the token says who it is. host and port are those of the server, "" and 0 to
// leave them out.
func NewOAuthBearer(user, token, host string, port int) (sasl.Client, error) {
	c := Credentials{Mechanism: sasl.OAuthBearer, UserName: user, Token: StaticToken(token), Host: host, Port: port}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := checkToken(token); err != nil {
		return nil, err
	}
	return newOAuthBearer(user, token, host, port, nil), nil
}

func newOAuthBearer(user, token, host string, port int, drop func()) *bearer {
	var b strings.Builder
	b.WriteString("n,")
	if user != "" { // a saslname of RFC 5801 4
		b.WriteString("a=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user))
	}
	b.WriteString(",\x01")
	if host != "" {
		b.WriteString("host=" + host + "\x01")
	}
	if port != 0 {
		b.WriteString("port=" + strconv.Itoa(port) + "\x01")
	}
	b.WriteString("auth=Bearer " + token + "\x01\x01")
	return &bearer{mechanism: sasl.OAuthBearer, token: token, initial: b.String(), dummy: "\x01", drop: drop}
}

// bearer is a client of OAUTHBEARER or XOAUTH2: all is in the initial response,
// and a challenge is the server's error, which a dummy answers so that the final
// reply can come (RFC 7628 3.2.3).
type bearer struct {
	mechanism
	token, initial, dummy string
	drop                  func() // of the token from where it is cached, if it is
	refused               bool
	reason                *TokenError
}

func (b *bearer) Start() (string, []byte, error) { return string(b.mechanism), []byte(b.initial), nil }

func (b *bearer) Next(challenge []byte) ([]byte, error) {
	if b.refused {
		return nil, b.unexpected()
	}
	b.refused = true
	b.reason = parseTokenError(challenge, b.token)
	return []byte(b.dummy), nil
}

func (b *bearer) Done() bool { return !b.refused }

func (b *bearer) Refused() error {
	if b.drop != nil {
		b.drop()
	}
	if b.reason == nil {
		return nil
	}
	return b.reason
}
