package auth

import (
	"context"

	"github.com/emersion/go-sasl"
)

// buildPlain returns a client of PLAIN (RFC 4616).
func buildPlain(_ context.Context, c *chooser, _ connection) (sasl.Client, error) {
	return &said{sasl.Plain, sasl.NewPlainClient(c.Identity, c.UserName, c.Password).Start}, nil
}
