package smtptest

import (
	"crypto/subtle"

	"github.com/emersion/go-sasl"
)

// checkPlain lets a user act as nobody else (RFC 4616).
func (c *Conn) checkPlain(identity, user, password string) error {
	if identity != "" && identity != user {
		return errCredentials
	}
	return c.checkPassword(user, password)
}

func (c *Conn) checkPassword(user, password string) error {
	want, ok := c.server.cfg.Users[user]
	if subtle.ConstantTimeCompare([]byte(want), []byte(password)) != 1 || !ok {
		return errCredentials
	}
	c.SetUser(user)
	return nil
}

// loginServer is the server's side of LOGIN, which go-sasl does not have
// (draft-murchison-sasl-login).
type loginServer struct {
	check func(user, password string) error
	step  int
	user  string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil && l.step == 0 {
		l.step = 1
		return []byte("Username:"), false, nil
	}
	switch l.step {
	case 0, 1:
		l.user = string(response)
		l.step = 2
		return []byte("Password:"), false, nil
	case 2:
		l.step = 3
		return nil, true, l.check(l.user, string(response))
	}
	return nil, false, sasl.ErrUnexpectedClientResponse
}
