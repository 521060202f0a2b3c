package auth

import (
	"context"

	"github.com/emersion/go-sasl"
)

// buildExternal returns a client of EXTERNAL (RFC 4422 A): the server knows the
// client by other means, such as its certificate. Without an Identity the client
// acts as whom the server takes it for.
func buildExternal(_ context.Context, c *chooser, _ connection) (sasl.Client, error) {
	return &said{sasl.External, sasl.NewExternalClient(c.Identity).Start}, nil
}
