package smtptest

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

// errCredentials is what a user who is unknown, or has another secret, gets.
var errCredentials = errors.New("smtptest: wrong user or secret")

// AuthReply is an error that a [sasl.Server] of Config.Auth returns to end AUTH
// with a reply of its own, such as "454 4.7.0 try later", instead of the 535. It
// is said as it is, with CRLF added where it is missing. A 2yz lets the client
// in.
type AuthReply string

// Error returns the reply.
func (r AuthReply) Error() string { return string(r) }

// SetUser says who is authenticated, for [Message]'s Auth. The built-in
// mechanisms do it by themselves; a [sasl.Server] of Config.Auth may call this.
// A failed AUTH forgets it.
func (c *Conn) SetUser(user string) { c.session.user = user }

// auth answers AUTH (RFC 4954).
func (c *Conn) auth(args string) {
	name, initial, hasInitial := strings.Cut(args, " ")
	name = strings.ToUpper(name)
	s := &c.session
	switch {
	case !s.hello:
		c.answer(503, "5.1", "EHLO first")
		return
	case s.authed:
		c.answer(503, "5.1", "already authenticated")
		return
	case s.envelope != nil:
		c.answer(503, "5.1", "a transaction is open")
		return
	case name == "":
		c.answer(501, "5.4", "AUTH mechanism [response] is expected")
		return
	}
	mech := c.mechanism(name)
	if mech == nil {
		if slices.Contains(c.server.cfg.Mechanisms, name) {
			c.answer(538, "7.11", "TLS first")
			return
		}
		c.answer(504, "5.4", "no such mechanism")
		return
	}
	var response []byte // nil: there is none yet
	if initial == "=" { // an empty one, in AUTH only (RFC 4954, section 4)
		response = []byte{}
	} else if hasInitial {
		var ok bool
		if response, ok = c.decode(initial); !ok {
			return
		}
	}
	c.exchange(mech, response)
	if !s.authed {
		s.user = ""
	}
}

// exchange goes through challenges and responses to the last reply.
func (c *Conn) exchange(mech sasl.Server, response []byte) {
	for {
		challenge, done, err := mech.Next(response)
		if err != nil {
			c.refuse(err)
			return
		}
		if done && len(challenge) == 0 {
			break
		}
		if c.Reply(334, base64.StdEncoding.EncodeToString(challenge)) != nil {
			return
		}
		line, _, err := c.readLine()
		switch {
		case err == ErrLineTooLong:
			c.answer(500, "5.6", "response too long")
			return
		case err != nil:
			return
		case line == "*":
			c.answer(501, "7.0", "cancelled")
			return
		}
		var ok bool
		if response, ok = c.decode(line); !ok {
			return
		}
		if done { // the last challenge went out in a 334, its response is empty
			if len(response) > 0 {
				c.refuse(sasl.ErrUnexpectedClientResponse)
				return
			}
			break
		}
	}
	c.session.authed = true
	c.answer(235, "7.0", "authenticated")
}

// refuse ends AUTH with what the mechanism's error asks for.
func (c *Conn) refuse(err error) {
	if reply, ok := errors.AsType[AuthReply](err); ok {
		text := endLine(string(reply))
		c.session.authed = firstReply(text)/100 == 2
		c.queue(text)
		return
	}
	if errors.Is(err, sasl.ErrUnexpectedClientResponse) {
		c.answer(501, "7.0", "nothing was to be said")
		return
	}
	c.answer(535, "7.8", "authentication failed")
}

// decode reads a response, or answers what is no base64.
func (c *Conn) decode(text string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		c.answer(501, "5.2", "no base64")
	}
	return b, err == nil
}
