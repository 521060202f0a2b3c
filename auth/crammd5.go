package auth

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"fmt"

	"github.com/emersion/go-sasl"
)

const cramMD5 = "CRAM-MD5"

// cram is a client of CRAM-MD5 (RFC 2195). The password is not shown, but who
// reads the exchange can guess at it, and the server proves nothing.
type cram struct {
	mechanism
	answer func(challenge []byte) []byte
	done   bool
}

func buildCRAMMD5(_ context.Context, c *chooser, _ connection) (sasl.Client, error) {
	return &cram{mechanism: cramMD5, answer: func(challenge []byte) []byte {
		digest := hmac.New(md5.New, []byte(c.Password))
		_, _ = digest.Write(challenge)
		return fmt.Appendf(nil, "%s %x", c.UserName, digest.Sum(nil))
	}}, nil
}

func (c *cram) Start() (string, []byte, error) { return cramMD5, nil, nil }

func (c *cram) Next(challenge []byte) ([]byte, error) {
	if c.done {
		return nil, c.unexpected()
	}
	c.done = true
	return c.answer(challenge), nil
}

func (c *cram) Done() bool { return c.done }
