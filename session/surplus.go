package session

import (
	"bytes"
	"errors"

	"github.com/ehlo-go/ehlo/smtp"
)

// tooMany reports, as an error, what the server says behind the answer r that
// decides a message, but for a goodbye. doubt says that it would decide
// otherwise, and nobody can know which of them is the answer: one that came too
// early may have pushed all others back.
func (a *actor) tooMany(c *command, r smtp.Reply) (more error, doubt bool) {
	ahead := a.conn.Ahead()
	if len(ahead) == 0 || bytes.HasPrefix([]byte("421"), ahead[:min(len(ahead), 3)]) {
		return nil, false
	}
	for line := range bytes.Lines(ahead) {
		doubt = doubt || int(line[0]-'0') != r.Code/100
	}
	return &smtp.Error{Kind: smtp.KindProtocol, Command: c.verb, Reply: r, Err: errors.New("a reply too many")}, doubt
}
