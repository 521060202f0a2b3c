package ehlo_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

// loggedIn fails unless a wrong secret is refused with code, the session stays
// ready, and the right one is let in, by the mechanism asked for.
func loggedIn(t *testing.T, s *session.Session, mechanism string, wrong, right []session.AuthOption, code int) {
	t.Helper()
	evs := record(t, s)
	if err := s.Connect(patience(t)); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(s.Capabilities().Mechanisms(), mechanism) {
		t.Fatalf("the server offers %q", s.Capabilities().Mechanisms())
	}
	if wrong != nil {
		err := s.Authenticate(patience(t), append(wrong, session.WithMechanism(mechanism))...)
		if e, ok := errors.AsType[*smtp.Error](err); !ok || e.Kind != smtp.KindReply || e.Reply.Code != code || e.Permanent != (code >= 500) {
			t.Errorf("a wrong secret: %v", err)
		}
		if s.State() != fsm.Ready {
			t.Fatalf("%v", s.Snapshot())
		}
	}
	if err := s.Authenticate(patience(t), append(right, session.WithMechanism(mechanism))...); err != nil {
		t.Fatal(err)
	}
	if err := s.Noop(patience(t)); err != nil {
		t.Error(err)
	}
	if err := s.Disconnect(patience(t)); err != nil {
		t.Error(err)
	}
	var told []string
	for _, e := range evs() {
		if e, ok := e.(events.OnAuthenticate); ok {
			told = append(told, fmt.Sprint(e.Mechanism, " ", e.Reply.Code, " ", e.Err == nil))
		}
	}
	want := []string{fmt.Sprint(mechanism, " ", code, " false"), mechanism + " 235 true"}
	if wrong == nil {
		want = want[1:]
	}
	if !slices.Equal(told, want) {
		t.Errorf("%q, want %q", told, want)
	}
}

func asUser(name, password string) []session.AuthOption {
	return []session.AuthOption{session.WithUserName(name), session.WithPassword(password)}
}

func withToken(name, token string) []session.AuthOption {
	return []session.AuthOption{session.WithUserName(name), session.WithToken(auth.StaticToken(token))}
}

// Postfix asks Dovecot, which knows every mechanism by its own code.
func TestAuthenticate_PostfixWithDovecot(t *testing.T) {
	p, d := startPostfixWithSASL(t, "smtpd_sasl_security_options =", "smtpd_sasl_tls_security_options =", "smtpd_error_sleep_time = 0")
	for _, port := range []int{p.Plain, p.Implicit} {
		config := session.Config{HostAddress: "127.0.0.1", HostName: p.Name, RemotePort: port, LocalName: "client.test",
			Options: session.Extended | session.SecureExplicit, TLS: &tls.Config{RootCAs: p.Roots}}
		how := "STARTTLS"
		if port == p.Implicit {
			config.Options, how = session.Extended|session.SecureImplicit, "implicit TLS"
		}
		login := func(mechanism string, wrong, right []session.AuthOption) {
			t.Run(mechanism+"/"+how, func(t *testing.T) {
				s := newSession(t, config)
				loggedIn(t, s, mechanism, wrong, right, 535)
			})
		}
		for _, mechanism := range []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"} {
			login(mechanism, asUser(annName, "wrong"), asUser(annName, annPassword))
		}
		for _, mechanism := range []string{"OAUTHBEARER", "XOAUTH2"} {
			login(mechanism, withToken(annName, d.Token(annName, time.Now().Add(-time.Hour))), withToken(annName, d.Token(annName, time.Now().Add(time.Hour))))
		}
		login("ANONYMOUS", nil, nil)
	}
	t.Run("the strongest", func(t *testing.T) {
		s := newSession(t, session.Config{HostAddress: "127.0.0.1", HostName: p.Name, RemotePort: p.Plain, LocalName: "client.test",
			Options: session.Extended | session.SecureExplicit, TLS: &tls.Config{RootCAs: p.Roots}, UserName: bobName, Password: bobPassword})
		evs := record(t, s)
		if err := s.Connect(patience(t)); err != nil {
			t.Fatal(err)
		}
		if err := s.Authenticate(patience(t)); err != nil {
			t.Fatal(err)
		}
		if err := s.Authenticate(patience(t)); !errors.Is(err, smtp.ErrAuthenticated) {
			t.Error(err)
		}
		_ = s.Disconnect(patience(t))
		for _, e := range evs() {
			if e, ok := e.(events.OnAuthenticate); ok && e.Err == nil && e.Mechanism != "SCRAM-SHA-256" {
				t.Errorf("%+v", e)
			}
		}
	})
	t.Run("the client of a long password", func(t *testing.T) { // no initial response fits; Postfix asks for it
		s := newSession(t, session.Config{HostAddress: "127.0.0.1", HostName: p.Name, RemotePort: p.Plain, LocalName: "client.test",
			Options: session.Extended | session.SecureExplicit, TLS: &tls.Config{RootCAs: p.Roots}})
		if err := s.Connect(patience(t)); err != nil {
			t.Fatal(err)
		}
		err := s.Authenticate(patience(t), session.WithUserName(annName), session.WithPassword(strings.Repeat("x", 900)), session.WithMechanism("PLAIN"))
		if smtp.Code(err) != 535 || s.State() != fsm.Ready {
			t.Errorf("%v, %v", err, s.State())
		}
	})
}

// knowing is a go-smtp backend that knows one user.
type knowing struct{ refusing }

func (knowing) AuthMechanisms() []string {
	return []string{"PLAIN", "OAUTHBEARER", "ANONYMOUS", "EXTERNAL"}
}

func (knowing) Auth(mechanism string) (sasl.Server, error) {
	known := func(user, secret string) bool { return user == "user" && secret == "secret" }
	switch mechanism {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, user, password string) error {
			if !known(user, password) {
				return gosmtp.ErrAuthFailed
			}
			return nil
		}), nil
	case "OAUTHBEARER":
		return sasl.NewOAuthBearerServer(func(o sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
			if !known(o.Username, o.Token) {
				return &sasl.OAuthBearerError{Status: "invalid_token", Schemes: "bearer"}
			}
			return nil
		}), nil
	case "ANONYMOUS":
		return sasl.NewAnonymousServer(func(string) error { return nil }), nil
	case "EXTERNAL":
		return sasl.NewExternalServer(func(string) error { return nil }), nil
	}
	return nil, gosmtp.ErrAuthUnknownMechanism
}

// go-smtp answers a wrong token with 454: so it is temporary, and the session
// ready.
func TestAuthenticate_GoSMTP(t *testing.T) {
	v := goSMTP(t, knowing{})
	for _, options := range []session.Options{session.Extended | session.SecureExplicit, session.Extended | session.SecureImplicit} {
		for _, c := range []struct {
			mechanism    string
			wrong, right []session.AuthOption
			code         int
		}{
			{"PLAIN", asUser("user", "wrong"), asUser("user", "secret"), 535},
			{"OAUTHBEARER", withToken("user", "wrong"), withToken("user", "secret"), 454},
			{"ANONYMOUS", nil, nil, 0},
			{"EXTERNAL", nil, nil, 0},
		} {
			t.Run(fmt.Sprint(c.mechanism, "/", options), func(t *testing.T) {
				s := newSession(t, v.config(options))
				loggedIn(t, s, c.mechanism, c.wrong, c.right, c.code)
			})
		}
	}
}
