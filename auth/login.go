package auth

import (
	"context"

	"github.com/emersion/go-sasl"
)

// login is a client of LOGIN, which has no standard
// (draft-murchison-sasl-login). It counts the challenges and ignores their
// wording: servers ask for "Username:", "User Name\x00", "VXNlcm5hbWU6" or
// nothing. It has no initial response: some servers read one over and ask again.
type login struct {
	mechanism
	answers []func() string // still to give: user, password
}

func buildLogin(_ context.Context, c *chooser, _ connection) (sasl.Client, error) {
	return &login{sasl.Login, []func() string{
		func() string { return c.UserName },
		func() string { return c.Password },
	}}, nil
}

func (l *login) Start() (string, []byte, error) { return sasl.Login, nil, nil }

func (l *login) Next([]byte) ([]byte, error) {
	if l.Done() {
		return nil, l.unexpected()
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer()), nil
}

func (l *login) Done() bool { return len(l.answers) == 0 }
