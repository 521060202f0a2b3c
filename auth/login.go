package auth

import "github.com/emersion/go-sasl"

// login counts the challenges and ignores their wording: servers ask for
// "Username:", "User Name\x00", "VXNlcm5hbWU6" or nothing.
type login struct {
	mechanism
	answers []string // still to give: user, password
}

// NewLogin returns a client of LOGIN, which has no standard
// (draft-murchison-sasl-login). It has no initial response: some servers read one
// over and ask again.
func NewLogin(user, password string) (sasl.Client, error) {
	c := Credentials{Mechanism: sasl.Login, UserName: user, Password: password}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &login{sasl.Login, []string{user, password}}, nil
}

func (l *login) Start() (string, []byte, error) { return sasl.Login, nil, nil }

func (l *login) Next([]byte) ([]byte, error) {
	if l.Done() {
		return nil, l.unexpected()
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer), nil
}

func (l *login) Done() bool { return len(l.answers) == 0 }
