package session

import (
	"context"
	"time"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/smtp"
)

// Authenticate logs in (RFC 4954). The user name and the password are those of
// the session's properties unless given; the mechanism is the strongest that
// both sides have, see package auth. Config.Authenticator takes the place of
// all that unless something is given here.
//
// One call tries one mechanism: what the server refuses is never tried again in
// a weaker way. Only a mechanism that the server does not take at all (504, 534),
// before anything secret was said, is followed by the next one (one with channel
// binding only by another with it). Without TLS no
// mechanism that shows a secret is used, unless auth.AllowClear permits it; on
// loopback too.
//
// nil means authenticated, for the rest of the life. A server that refuses
// leaves the session ready and is a *smtp.Error of KindReply, temporary (454)
// or permanent (535) as the server says; another call may do better. Refused
// before a byte is sent, the session unhurt: no ESMTP (the option Extended is
// not set), smtp.ErrNoAuth, smtp.ErrInClear, smtp.ErrAuthenticated and
// smtp.ErrInvalid. A server that breaks the mechanism, or says 235 before it has
// proved what it must, is smtp.ErrProtocol and the connection is closed.
//
// While the session connects it waits for its turn; without a life it fails with
// smtp.ErrNotConnected. If ctx ends while it runs the connection is closed.
func (s *Session) Authenticate(ctx context.Context, opts ...AuthOption) error {
	l, err := s.newLogin(opts)
	if err != nil {
		return err
	}
	_, err = s.ask(ctx, &request{verb: "AUTH", login: l})
	return err
}

// newLogin finds who chooses the mechanism, and checks what was given.
func (s *Session) newLogin(opts []AuthOption) (*login, error) {
	var args authArguments
	for _, o := range opts {
		if o != nil {
			o.applyAuth(&args)
		}
	}
	s.mu.Lock()
	given := args.userName != nil || args.password != nil || args.token != nil
	credentials := auth.Credentials{
		UserName: s.config.UserName, Password: s.config.Password, Token: args.token, Mechanism: args.mechanism,
	}
	authenticator := s.config.Authenticator
	s.mu.Unlock()
	switch {
	case args.authenticator != nil && given:
		return nil, invalidLogin("WithAuthenticator brings its own credentials: give either it, or WithUserName, WithPassword and WithToken")
	case args.authenticator != nil:
		authenticator = args.authenticator
	case given:
		authenticator = nil
	}
	l := &login{authenticator: authenticator, only: args.mechanism}
	if authenticator != nil {
		return l, nil
	}
	if args.userName != nil {
		credentials.UserName = *args.userName
	}
	if args.password != nil {
		credentials.Password = *args.password
	}
	if err := credentials.Validate(); err != nil {
		asError(err).Command = "AUTH"
		return nil, err
	}
	l.authenticator = credentials.Authenticator()
	return l, nil
}

func invalidLogin(message string) error {
	e := smtp.Invalid(message)
	e.Command = "AUTH"
	return e
}

// login is an Authenticate: what was asked for and how far it got.
type login struct {
	authenticator auth.Authenticator
	only          string // the mechanism that was asked for by name
	begun         time.Time
	mechanism     string   // the one tried last
	challenge     string   // the newest, as the server wrote it
	secrets       []string // what was sent, in every form that must not be shown
}

// graceful is how long a cancelled Authenticate waits for its own end. What may
// take longer is arithmetic: SCRAM with a million iterations takes 200 ms.
const graceful = 50 * time.Millisecond

// soon reports whether answered closes before long.
func (*login) soon(answered <-chan struct{}) bool {
	late := time.NewTimer(graceful)
	defer late.Stop()
	select {
	case <-answered:
		return true
	case <-late.C:
		return false
	}
}
