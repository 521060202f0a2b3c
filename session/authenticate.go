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
// all that unless a user name, a password or a token is given here.
//
// One call tries one mechanism: what the server refuses is never tried again in
// a weaker way. Only a mechanism that the server does not take at all (504, 534),
// before anything secret was said, is followed by the next one (one with channel
// binding only by another with it). Without TLS no
// mechanism that shows a secret is used, unless auth.AllowClear permits it; on
// loopback too.
//
// nil means authenticated, for the rest of the life: Snapshot says so too, and
// OnAuthenticate by which mechanism. A server that refuses
// leaves the session ready and is a *smtp.Error of KindReply, temporary (454)
// or permanent (535) as the server says; another call may do better. Refused
// before a byte is sent, the session unhurt: no ESMTP (the option Extended is
// not set), smtp.ErrNoAuth, smtp.ErrInClear, smtp.ErrAuthenticated and
// smtp.ErrInvalid. smtp.ErrMechanism says that this side could not go on, such as
// for want of a token; the session is ready. A server that breaks the mechanism,
// or says 235 before it has proved what it must, is smtp.ErrProtocol and the
// connection is closed.
//
// Arguments are checked first. While the session connects it then waits for its
// turn; without a life it fails with smtp.ErrNotConnected. If ctx ends while it
// runs, a token being asked for included, the connection is closed. The
// Authenticator runs on the session's goroutine with a context that ends with
// ctx; a blocking method of a session that it calls with it is smtp.ErrInHook.
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
	if args.empty {
		return nil, invalidLogin("WithToken or WithAuthenticator was given nil: give one, or leave the option out")
	}
	s.mu.Lock()
	given := args.userName != nil || args.password != nil || args.token != nil
	userName, password := s.credentials()
	credentials := auth.Credentials{UserName: userName, Password: password, Token: args.token, Mechanism: args.mechanism}
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
	l := &login{authenticator: authenticator, only: args.mechanism, cut: make(chan struct{})}
	if authenticator != nil {
		return l, nil
	}
	if args.userName != nil {
		credentials.UserName = *args.userName
	}
	switch {
	case args.password != nil:
		credentials.Password = *args.password
	case args.token != nil:
		credentials.Password = "" // the token is what is meant
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
	mechanism     string        // the one tried last
	cut           chan struct{} // closed if the life is cut meanwhile
}

// graceful is how long a call whose life was cut waits for the session's end.
// What may take longer is a mechanism: SCRAM with a million iterations, or a
// card.
const graceful = 50 * time.Millisecond

// shortly reports whether c closes before long.
func shortly(c <-chan struct{}) bool {
	late := time.NewTimer(graceful)
	defer late.Stop()
	select {
	case <-c:
		return true
	case <-late.C:
		return false
	}
}
