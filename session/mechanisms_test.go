package session

import (
	"errors"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// H4, for each mechanism: nothing of an argument that holds a control character
// reaches the wire.
func TestMechanisms_H4_ControlsInWhatIsGiven(t *testing.T) {
	for _, mechanism := range mechanisms() {
		for _, bad := range []string{"a\r\nMAIL FROM:<>", "a\nb", "a\x00b", "a\rb", "a\x7fb"} {
			s, srv, evs := enter(t, licensed(smtptest.Implicit, mechanism), Extended|SecureImplicit)
			for what, c := range map[string]auth.Credentials{
				"user":     {UserName: bad, Password: "p", Token: auth.StaticToken("token")},
				"identity": {UserName: "user", Password: "p", Token: auth.StaticToken("token"), Identity: bad},
				"token":    {UserName: "user", Token: auth.StaticToken(bad)},
				"password": {UserName: "user", Password: bad + "\x00"},
			} {
				bearer := mechanism == "OAUTHBEARER" || mechanism == "XOAUTH2"
				if what == "token" && !bearer || what == "password" && (bearer || mechanism == "EXTERNAL" || mechanism == "ANONYMOUS") {
					continue // it is not used
				}
				c.Mechanism = mechanism
				err := s.Authenticate(t.Context(), WithAuthenticator(c.Authenticator()))
				if !errors.Is(err, smtp.ErrInvalid) && !errors.Is(err, smtp.ErrMechanism) || strings.Contains(err.Error(), bad) {
					t.Errorf("%s, %s %q: %v", mechanism, what, bad, err)
				}
			}
			if said(srv, "AUTH") != 0 {
				t.Errorf("%s: %q", mechanism, srv.Commands())
			}
			leave(t, s, evs)
		}
	}
}

// H10, for each mechanism: whatever a server says in place of its part, the error
// has a kind, "*" is said only to cancel, and nobody is authenticated.
func TestMechanisms_H10_ServersThatDoNotKeepToIt(t *testing.T) {
	type ask = func(string) string
	type say = func(string)
	endless := func(challenge string) func(ask, say, string) {
		return func(ask ask, say say, _ string) {
			for ask("334 "+challenge) != "*" {
			}
			say("501 5.7.0 cancelled")
		}
	}
	for name, c := range map[string]struct {
		play func(ask, say, string)
		kind smtp.Kind // 0: of the mechanism's own
	}{
		"535, then more":       {func(_ ask, say say, _ string) { say("535 5.7.8 no\r\n334 " + b64("more")) }, smtp.KindReply},
		"endless challenges":   {endless(b64("challenge")), 0},
		"endless empty ones":   {endless(""), 0},
		"no base64":            {func(ask ask, say say, _ string) { ask("334 !"); say("501 5.7.0 cancelled") }, smtp.KindProtocol},
		"a challenge of 9,000": {endless(b64(strings.Repeat("x", 9000))), 0},
		"an endless challenge": {func(_ ask, say say, _ string) { say("334 " + strings.Repeat("QUJD", 10_000)) }, smtp.KindProtocol},
		"235 where it is canceled": {func(ask ask, say say, _ string) {
			for ask("334 "+b64("?")) != "*" {
			}
			say("235 2.7.0 welcome")
		}, smtp.KindProtocol},
	} {
		for _, mechanism := range mechanisms() {
			t.Run(mechanism+"/"+name, func(t *testing.T) {
				cfg, lines := scripted(func(ask func(string) string, say func(string), line string) { c.play(ask, say, line) }, mechanism)
				s, srv, evs := enter(t, cfg, Extended|SecureImplicit)
				err := s.Authenticate(t.Context(), credentials(mechanism, "")...)
				e, ok := errors.AsType[*smtp.Error](err)
				if !ok || c.kind != 0 && e.Kind != c.kind || c.kind == 0 && e.Kind != smtp.KindProtocol && e.Kind != smtp.KindMechanism {
					t.Errorf("%v, want the kind %v", err, c.kind)
				}
				if s.Snapshot().Authenticated || len(*lines) > 34 {
					t.Errorf("authenticated %v after %d lines", s.Snapshot().Authenticated, len(*lines))
				}
				for i, line := range *lines {
					if line == "*" && i != len(*lines)-1 {
						t.Errorf("something follows the cancel: %q", *lines)
					}
				}
				if e.Kind == smtp.KindMechanism {
					leave(t, s, evs)
					return
				}
				<-s.Done()
				checkLife(t, evs())
				allClosed(t, srv)
			})
		}
	}
}
