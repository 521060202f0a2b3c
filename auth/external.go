package auth

import "github.com/emersion/go-sasl"

// NewExternal returns a client of EXTERNAL (RFC 4422 A): the server knows the
// client by other means, such as its certificate. identity is whom to act as, ""
// for whom the server takes the client for.
func NewExternal(identity string) (sasl.Client, error) {
	if err := (Credentials{Mechanism: sasl.External, Identity: identity}).Validate(); err != nil {
		return nil, err
	}
	return said{sasl.External, sasl.NewExternalClient(identity)}, nil
}
