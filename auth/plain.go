package auth

import "github.com/emersion/go-sasl"

// NewPlain returns a client of PLAIN (RFC 4616). identity is whom to act as, ""
// for the user.
func NewPlain(identity, user, password string) (sasl.Client, error) {
	c := Credentials{Mechanism: sasl.Plain, Identity: identity, UserName: user, Password: password}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return said{sasl.Plain, sasl.NewPlainClient(identity, user, password)}, nil
}
