package auth

import (
	"crypto/hmac"
	"crypto/md5"
	"fmt"

	"github.com/emersion/go-sasl"
)

const cramMD5 = "CRAM-MD5"

type cram struct {
	mechanism
	user, password string
	done           bool
}

// NewCRAMMD5 returns a client of CRAM-MD5 (RFC 2195). The password is not shown,
// but who reads the exchange can guess at it, and the server proves nothing.
func NewCRAMMD5(user, password string) (sasl.Client, error) {
	c := Credentials{Mechanism: cramMD5, UserName: user, Password: password}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &cram{mechanism: cramMD5, user: user, password: password}, nil
}

func (c *cram) Start() (string, []byte, error) { return cramMD5, nil, nil }

func (c *cram) Next(challenge []byte) ([]byte, error) {
	if c.done {
		return nil, c.unexpected()
	}
	c.done = true
	digest := hmac.New(md5.New, []byte(c.password))
	_, _ = digest.Write(challenge)
	return fmt.Appendf(nil, "%s %x", c.user, digest.Sum(nil)), nil
}

func (c *cram) Done() bool { return c.done }
