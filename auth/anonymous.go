package auth

import "github.com/emersion/go-sasl"

// NewAnonymous returns a client of ANONYMOUS (RFC 4505). trace, which may be
// empty, is a word for the server's log; it is no secret.
func NewAnonymous(trace string) (sasl.Client, error) {
	if err := (Credentials{Mechanism: sasl.Anonymous, UserName: trace}).Validate(); err != nil {
		return nil, err
	}
	return said{sasl.Anonymous, sasl.NewAnonymousClient(trace)}, nil
}
