package auth

import (
	"context"

	"github.com/emersion/go-sasl"
)

// buildAnonymous returns a client of ANONYMOUS (RFC 4505). The user name, which
// may be empty, is a word for the server's log; it is no secret.
func buildAnonymous(_ context.Context, c *chooser, _ connection) (sasl.Client, error) {
	return &said{sasl.Anonymous, sasl.NewAnonymousClient(c.UserName).Start}, nil
}
