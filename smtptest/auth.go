package smtptest

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

// errCredentials is what a user who is unknown, or has another password, gets.
var errCredentials = errors.New("smtptest: wrong user or password")

// SetUser says who is authenticated, for [Message]'s Auth. For a mechanism of
// Config.Auth that is known only to its [sasl.Server], which may call this.
func (c *Conn) SetUser(user string) { c.session.user = user }

// mechanisms returns the mechanisms to offer now, sorted.
func (c *Conn) mechanisms() []string {
	cfg := &c.server.cfg
	names := slices.Collect(maps.Keys(cfg.Auth))
	_, secure := c.TLS()
	if cfg.Users != nil && (secure || cfg.AuthInClear) {
		names = append(names, sasl.Plain, sasl.Login)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// mechanism makes the server's side of one that is offered; nil: it is not.
func (c *Conn) mechanism(name string) sasl.Server {
	if !slices.Contains(c.mechanisms(), name) {
		return nil
	}
	if own := c.server.cfg.Auth[name]; own != nil {
		return own(c)
	}
	switch name {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, user, password string) error {
			if identity != "" && identity != user {
				return errCredentials
			}
			return c.check(user, password)
		})
	case sasl.Login:
		return &loginServer{check: c.check}
	}
	return nil
}

func (c *Conn) check(user, password string) error {
	want, ok := c.server.cfg.Users[user]
	if subtle.ConstantTimeCompare([]byte(want), []byte(password)) != 1 || !ok {
		return errCredentials
	}
	c.SetUser(user)
	return nil
}

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
		_, secure := c.TLS()
		if !secure && c.server.cfg.Users != nil && (name == sasl.Plain || name == sasl.Login) {
			c.answer(538, "7.11", "TLS first")
			return
		}
		c.answer(504, "5.4", "no such mechanism")
		return
	}
	var response []byte // nil: there is none yet
	if hasInitial {
		var ok bool
		if response, ok = c.decode(initial); !ok {
			return
		}
	}
	c.exchange(mech, response)
}

// exchange goes through challenges and responses to the last reply.
func (c *Conn) exchange(mech sasl.Server, response []byte) {
	for {
		challenge, done, err := mech.Next(response)
		if err != nil {
			c.session.user = ""
			c.answer(535, "7.8", "authentication failed")
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
			c.session.user = ""
			c.answer(501, "7.0", "cancelled")
			return
		}
		var ok bool
		if response, ok = c.decode(line); !ok {
			return
		}
		if done { // the last challenge went out in a 334, its response is empty
			break
		}
	}
	c.session.authed = true
	c.answer(235, "7.0", "authenticated")
}

// decode reads a response; "=" is an empty one. It answers what is no base64.
func (c *Conn) decode(text string) ([]byte, bool) {
	if text == "=" || text == "" {
		return []byte{}, true
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		c.session.user = ""
		c.answer(501, "5.2", "no base64")
		return nil, false
	}
	return b, true
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
