package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// mechanisms are all that smtptest knows, the strongest first.
func mechanisms() []string {
	return []string{
		"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN",
		"CRAM-MD5", "EXTERNAL", "ANONYMOUS",
	}
}

// licensed is a server that offers mechanisms to a user with a password and a
// token.
func licensed(mode smtptest.TLSMode, mechanisms ...string) smtptest.Config {
	return smtptest.Config{Mode: mode, Mechanisms: mechanisms,
		Users: map[string]string{"user": "pa ssw=ört,"}, Tokens: map[string]string{"user": "to.ken~+/=="}}
}

// credentials are right for licensed if secret is "", else wrong.
func credentials(mechanism, secret string) []AuthOption {
	password, token := "pa ssw=ört,", "to.ken~+/=="
	if secret != "" {
		password, token = secret, secret
	}
	switch mechanism {
	case "OAUTHBEARER", "XOAUTH2":
		return []AuthOption{WithUserName("user"), WithToken(auth.StaticToken(token)), WithMechanism(mechanism)}
	case "EXTERNAL": // without a certificate the server believes what it is told, and refuses who tells nothing
		a := auth.Credentials{Identity: "user", Mechanism: mechanism}
		if secret != "" {
			a.Identity = ""
		}
		return []AuthOption{WithAuthenticator(a.Authenticator())}
	}
	return []AuthOption{WithUserName("user"), WithPassword(password), WithMechanism(mechanism)}
}

// enter makes a session that is ready, over TLS where the server has it.
func enter(t testing.TB, c smtptest.Config, o Options) (*Session, *smtptest.Server, func() []events.Event) {
	t.Helper()
	srv := memory(t, c)
	config := reach(srv, o)
	config.Dialer = srv
	s := newSession(t, config)
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, srv, evs
}

// leave ends a session that has to be ready, and checks its life.
func leave(t testing.TB, s *Session, evs func() []events.Event) []events.Event {
	t.Helper()
	if s.State() != fsm.Ready {
		t.Errorf("the state is %v, want ready", s.State())
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Errorf("the session is hurt: %v", err)
	}
	if err := s.Disconnect(t.Context()); err != nil {
		t.Error(err)
	}
	all := evs()
	checkLife(t, all)
	return all
}

// logins returns the OnAuthenticate events.
func logins(evs []events.Event) (found []events.OnAuthenticate) {
	for _, e := range evs {
		if e, ok := e.(events.OnAuthenticate); ok {
			found = append(found, e)
		}
	}
	return found
}

func said(srv *smtptest.Server, command string) (n int) {
	for _, c := range srv.Commands() {
		if strings.HasPrefix(c, command) {
			n++
		}
	}
	return n
}

func TestAuthenticate_EveryMechanismIsRefusedAndThenLetIn(t *testing.T) {
	for _, mode := range []smtptest.TLSMode{smtptest.StartTLS, smtptest.Implicit} {
		for _, name := range mechanisms() {
			t.Run(name, func(t *testing.T) {
				o := Extended | SecureExplicit
				if mode == smtptest.Implicit {
					o = Extended | SecureImplicit
				}
				s, srv, evs := enter(t, licensed(mode, mechanisms()...), o)
				if name != "ANONYMOUS" {
					err := s.Authenticate(t.Context(), credentials(name, "wrong")...)
					e, ok := errors.AsType[*smtp.Error](err)
					if !ok || e.Kind != smtp.KindReply || smtp.Code(err) != 535 || !e.Permanent || e.Phase != "auth" || e.Command != "AUTH" {
						t.Errorf("a wrong secret: %v", err)
					}
					if s.Snapshot().Authenticated {
						t.Error("authenticated by a wrong secret")
					}
				}
				if err := s.Authenticate(t.Context(), credentials(name, "")...); err != nil {
					t.Fatal(err)
				}
				if !s.Snapshot().Authenticated || s.State() != fsm.Ready {
					t.Errorf("%v", s.Snapshot())
				}
				before := said(srv, "EHLO")
				all := leave(t, s, evs)
				if said(srv, "EHLO") != before || before > 2 { // no security layer, so no EHLO after 235 (RFC 4954 4)
					t.Errorf("%q", srv.Commands())
				}
				got := logins(all)
				last := got[len(got)-1]
				if last.Mechanism != name || last.Err != nil || last.Reply.Code != 235 || last.State != fsm.Ready {
					t.Errorf("%+v", last)
				}
				if name != "ANONYMOUS" && (len(got) != 2 || got[0].Mechanism != name || smtp.Code(got[0].Err) != 535 || got[0].Reply.Code != 535) {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

func TestAuthenticate_TakesTheStrongestThatBothHave(t *testing.T) {
	for _, c := range []struct {
		offered []string
		options []AuthOption
		want    string
	}{
		{mechanisms(), nil, "SCRAM-SHA-256-PLUS"},
		{[]string{"LOGIN", "PLAIN", "SCRAM-SHA-1", "CRAM-MD5"}, nil, "SCRAM-SHA-1"},
		{[]string{"LOGIN", "PLAIN", "CRAM-MD5"}, nil, "PLAIN"},
		{[]string{"LOGIN"}, nil, "LOGIN"},
		{[]string{"XOAUTH2", "PLAIN"}, []AuthOption{WithToken(auth.StaticToken("to.ken~+/=="))}, "XOAUTH2"},
		{mechanisms(), []AuthOption{WithMechanism("cram-md5")}, "CRAM-MD5"},
	} {
		s, srv, evs := enter(t, licensed(smtptest.Implicit, c.offered...), Extended|SecureImplicit)
		s.keepCredentials("user", "pa ssw=ört,") // the properties, as Connect would have written them
		if err := s.Authenticate(t.Context(), c.options...); err != nil {
			t.Errorf("%q: %v", c.offered, err)
		}
		leave(t, s, evs)
		if said(srv, "AUTH "+c.want) != 1 || said(srv, "AUTH") != 1 {
			t.Errorf("%q: %q, want %s", c.offered, srv.Commands(), c.want)
		}
	}
}

// C7 and C2: what Connect is given becomes the property, what Authenticate is
// given goes before it, for this call.
func TestAuthenticate_C7_PropertiesAndArguments(t *testing.T) {
	srv := memory(t, licensed(smtptest.Implicit, "PLAIN"))
	config := reach(srv, Extended|SecureImplicit)
	config.Dialer = srv
	config.UserName, config.Password = "user", "wrong"
	s := newSession(t, config)
	for _, c := range []struct {
		connect []ConnectOption
		options []AuthOption
		ok      bool
	}{
		{nil, nil, false},
		{nil, []AuthOption{WithPassword("pa ssw=ört,")}, true},
		{nil, nil, false},
		{[]ConnectOption{WithPassword("pa ssw=ört,")}, []AuthOption{WithUserName("nobody")}, false},
		{nil, nil, true},
	} {
		if err := s.Connect(t.Context(), c.connect...); err != nil {
			t.Fatal(err)
		}
		if err := s.Authenticate(t.Context(), c.options...); (err == nil) != c.ok {
			t.Errorf("%v %v: %v", c.connect, c.options, err)
		}
		_ = s.Disconnect(t.Context())
	}
}

func TestAuthenticate_H1_NoSecretInClearUnlessAllowed(t *testing.T) {
	for where, newServer := range map[string]maker{"memory": memory, "loopback": loopback} {
		for _, name := range mechanisms() {
			if strings.HasSuffix(name, "-PLUS") {
				continue // there is no channel to bind to
			}
			reveals := name == "PLAIN" || name == "LOGIN" || name == "OAUTHBEARER" || name == "XOAUTH2"
			t.Run(name+"/"+where, func(t *testing.T) {
				c := licensed(smtptest.Plain, name)
				c.AuthInClear = true
				srv := newServer(t, c)
				config := reach(srv, Extended)
				if where == "memory" {
					config.Dialer = srv
				}
				s := newSession(t, config)
				evs := record(t, s)
				if err := s.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
				err := s.Authenticate(t.Context(), credentials(name, "")...)
				if !reveals {
					if err != nil {
						t.Error(err)
					}
					leave(t, s, evs)
					return
				}
				if !errors.Is(err, smtp.ErrInClear) || !strings.Contains(err.Error(), "auth.AllowClear") || !strings.Contains(err.Error(), "SecureExplicit") {
					t.Errorf("%v", err)
				}
				if said(srv, "AUTH") != 0 {
					t.Errorf("%q", srv.Commands())
				}
				// A program's own Authenticator does not get around it.
				own := func(context.Context, []string, *tlsState) (sasl.Client, error) {
					return sasl.NewPlainClient("", "user", "pa ssw=ört,"), nil
				}
				if name == "PLAIN" {
					if err := s.Authenticate(t.Context(), WithAuthenticator(own)); !errors.Is(err, smtp.ErrInClear) || said(srv, "AUTH") != 0 {
						t.Errorf("%v, %q", err, srv.Commands())
					}
				}
				allowed := auth.AllowClear(auth.Credentials{UserName: "user", Password: "pa ssw=ört,",
					Token: auth.StaticToken("to.ken~+/=="), Mechanism: name}.Authenticator())
				if err := s.Authenticate(t.Context(), WithAuthenticator(allowed)); err != nil {
					t.Errorf("allowed: %v", err)
				}
				leave(t, s, evs)
			})
		}
	}
}

func TestAuthenticate_H1_StrippedSTARTTLSNeverGetsASecret(t *testing.T) {
	c := licensed(smtptest.Plain, "PLAIN", "LOGIN")
	c.AuthInClear = true
	srv := memory(t, c)
	config := reach(srv, Extended|SecureExplicit)
	config.Dialer, config.UserName, config.Password = srv, "user", "pa ssw=ört,"
	s := newSession(t, config)
	if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrNoTLS) {
		t.Error(err)
	}
	if err := s.Authenticate(t.Context()); !errors.Is(err, smtp.ErrNotConnected) {
		t.Error(err)
	}
	allClosed(t, srv)
	wantCommands(t, srv, "EHLO client.test", "QUIT")
}

// C8, and what else is refused before a byte is sent, the session unhurt.
func TestAuthenticate_C8_RefusedBeforeAByteIsSent(t *testing.T) {
	helo := licensed(smtptest.Plain, "PLAIN")
	helo.On = map[string]smtptest.Step{"EHLO": smtptest.Say("502 5.5.1 what?")}
	custom := func(keywords ...string) smtptest.Config {
		c := licensed(smtptest.Implicit, "PLAIN", "LOGIN")
		c.Keywords = keywords
		return c
	}
	none := licensed(smtptest.Implicit)
	none.On = map[string]smtptest.Step{"EHLO": smtptest.Say("250-smtptest.test\r\n250 PIPELINING")}
	pick := func(c sasl.Client, err error) []AuthOption {
		return []AuthOption{WithAuthenticator(func(context.Context, []string, *tlsState) (sasl.Client, error) { return c, err })}
	}
	secret := errors.New("the vault is closed")
	for _, c := range []struct {
		name    string
		server  smtptest.Config
		options Options
		auth    []AuthOption
		is      error
		says    string
	}{
		{"without Extended", licensed(smtptest.Implicit, "PLAIN"), SecureImplicit, credentials("PLAIN", ""), smtp.ErrInvalid, "Extended (0x1)"},
		{"HELO only", helo, Extended, credentials("PLAIN", ""), smtp.ErrNoAuth, "EHLO"},
		{"AUTH not offered", none, Extended | SecureImplicit, credentials("PLAIN", ""), smtp.ErrNoAuth, "does not list AUTH"},
		{"AUTH with an empty list", custom("AUTH"), Extended | SecureImplicit, credentials("PLAIN", ""), smtp.ErrNoAuth, "without a mechanism"},
		{"AUTH with a blank list", custom("AUTH "), Extended | SecureImplicit, nil, smtp.ErrInvalid, "UserName"},
		{"in clear there may be none", licensed(smtptest.StartTLS, "PLAIN"), Extended, credentials("PLAIN", ""), smtp.ErrNoAuth, "SecureExplicit"},
		{"not that mechanism", custom("AUTH LOGIN"), Extended | SecureImplicit, credentials("PLAIN", ""), smtp.ErrNoAuth, "LOGIN, not PLAIN"},
		{"no mechanism in common", custom("AUTH GSSAPI NTLM"), Extended | SecureImplicit, []AuthOption{WithUserName("u"), WithPassword("p")}, smtp.ErrNoAuth, "GSSAPI"},
		{"unknown mechanism", custom("AUTH FROB"), Extended | SecureImplicit, credentials("FROB", ""), smtp.ErrInvalid, "FROB"},
		{"no credentials", custom("AUTH PLAIN"), Extended | SecureImplicit, nil, smtp.ErrInvalid, "UserName"},
		{"H4: a line end in the user", custom("AUTH PLAIN"), Extended | SecureImplicit, []AuthOption{WithUserName("u\r\nMAIL"), WithPassword("p")}, smtp.ErrInvalid, "UserName"},
		{"H4: NUL in the user", custom("AUTH PLAIN"), Extended | SecureImplicit, []AuthOption{WithUserName("u\x00"), WithPassword("p")}, smtp.ErrInvalid, "UserName"},
		{"H4: NUL in the password", custom("AUTH PLAIN"), Extended | SecureImplicit, []AuthOption{WithUserName("u"), WithPassword("p\x00")}, smtp.ErrInvalid, "Password"},
		{"H4: a line end in the token", custom("AUTH XOAUTH2"), Extended | SecureImplicit, []AuthOption{WithUserName("u"), WithToken(auth.StaticToken("a\r\nb"))}, smtp.ErrInvalid, "token"},
		{"two sources of credentials", custom("AUTH PLAIN"), Extended | SecureImplicit, append(pick(nil, nil), WithPassword("p")), smtp.ErrInvalid, "WithAuthenticator"},
		{"a nil token source", custom("AUTH PLAIN"), Extended | SecureImplicit, []AuthOption{WithUserName("u"), WithPassword("p"), WithToken(nil)}, smtp.ErrInvalid, "nil"},
		{"a nil Authenticator", custom("AUTH PLAIN"), Extended | SecureImplicit, []AuthOption{WithAuthenticator(nil)}, smtp.ErrInvalid, "nil"},
		{"no client", custom("AUTH PLAIN"), Extended | SecureImplicit, pick(nil, nil), smtp.ErrMechanism, "no client"},
		{"an Authenticator that fails", custom("AUTH PLAIN"), Extended | SecureImplicit, pick(nil, secret), secret, "the vault"},
		{"a choice that is not offered", custom("AUTH LOGIN"), Extended | SecureImplicit, pick(sasl.NewPlainClient("", "u", "p"), nil), smtp.ErrNoAuth, `"PLAIN"`},
		{"H4: a mechanism that is none", custom("AUTH X"), Extended | SecureImplicit, pick(nameless("X\r\nMAIL"), nil), smtp.ErrNoAuth, `X\r\nMAIL`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, srv, evs := enter(t, c.server, c.options)
			err := s.Authenticate(t.Context(), c.auth...)
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v with %q", err, c.is, c.says)
			}
			if e, ok := errors.AsType[*smtp.Error](err); !ok || e.Command != "AUTH" {
				t.Errorf("%#v", err)
			}
			if said(srv, "AUTH") != 0 {
				t.Errorf("%q", srv.Commands())
			}
			leave(t, s, evs)
		})
	}
}

// nameless is a client of a mechanism with a name of its own.
type nameless string

func (n nameless) Start() (string, []byte, error) { return string(n), nil, nil }
func (n nameless) Next(c []byte) ([]byte, error)  { return c, nil }
func (n nameless) Done() bool                     { return true }

func TestAuthenticate_OncePerConnection(t *testing.T) {
	s, srv, evs := enter(t, licensed(smtptest.Implicit, "PLAIN"), Extended|SecureImplicit)
	if err := s.Authenticate(t.Context(), credentials("PLAIN", "")...); err != nil {
		t.Fatal(err)
	}
	err := s.Authenticate(t.Context(), credentials("PLAIN", "")...)
	if !errors.Is(err, smtp.ErrAuthenticated) || smtp.Code(err) != 20011 || said(srv, "AUTH") != 1 {
		t.Errorf("%v, %q", err, srv.Commands())
	}
	if !s.Snapshot().Authenticated {
		t.Error("no longer authenticated")
	}
	leave(t, s, evs)
	if s.Snapshot().Authenticated {
		t.Error("authenticated without a connection")
	}
	if err := s.Authenticate(t.Context(), credentials("PLAIN", "")...); !errors.Is(err, smtp.ErrNotConnected) {
		t.Errorf("between lives: %v", err)
	}
	if err := s.Connect(t.Context()); err != nil { // another connection, another login
		t.Fatal(err)
	}
	if err := s.Authenticate(t.Context(), credentials("PLAIN", "")...); err != nil {
		t.Error(err)
	}
	_ = s.Close()
	<-s.Done()
	if err := s.Authenticate(t.Context(), credentials("PLAIN", "")...); !errors.Is(err, smtp.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestAuthenticate_WaitsThroughTheConnect(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		srv := memory(t, licensed(smtptest.Implicit, "PLAIN"))
		config := reach(srv, Extended|SecureImplicit)
		config.Dialer = srv
		s := newSession(t, config)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Authenticate(t.Context(), credentials("PLAIN", "")...); err != nil {
			t.Error(err)
		}
	})
}

func TestAuthenticate_InAHook(t *testing.T) {
	var s *Session
	var err error
	srv := memory(t, licensed(smtptest.Implicit, "PLAIN"))
	config := reach(srv, Extended|SecureImplicit)
	config.Dialer = srv
	config.Hooks = []events.Hook{phaseFunc(func(ctx context.Context, p events.PhaseStart) {
		if p.Phase == fsm.Auth {
			err = s.Authenticate(ctx, credentials("PLAIN", "")...)
		}
	})}
	s = linked(t, config)
	if e := s.Authenticate(t.Context(), credentials("PLAIN", "")...); e != nil || !errors.Is(err, smtp.ErrInHook) {
		t.Errorf("%v, inside %v", e, err)
	}
}

// phaseFunc is a PhaseHook.
type phaseFunc func(context.Context, events.PhaseStart)

func (f phaseFunc) PhaseStart(ctx context.Context, s events.PhaseStart) context.Context {
	f(ctx, s)
	return ctx
}

func (phaseFunc) PhaseEnd(context.Context, events.PhaseEnd) {}

// One Authenticator serves many sessions.
func TestAuthenticate_SharedAuthenticator(t *testing.T) {
	var asked int
	srv := memory(t, licensed(smtptest.Implicit, "SCRAM-SHA-256", "XOAUTH2"))
	config := reach(srv, Extended|SecureImplicit)
	config.Dialer = srv
	config.Authenticator = auth.Credentials{UserName: "user", Mechanism: "XOAUTH2", Token: func(context.Context) (auth.Token, error) {
		asked++
		return auth.Token{Value: "to.ken~+/=="}, nil
	}}.Authenticator()
	config.UserName, config.Password = "nobody", "nothing" // the Authenticator goes before them
	for range 3 {
		s := linked(t, config)
		if err := s.Authenticate(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if asked != 1 {
		t.Errorf("the token was asked for %d times", asked)
	}
	s := linked(t, config) // and what a call is given goes before the Authenticator
	if err := s.Authenticate(t.Context(), WithUserName("user"), WithPassword("pa ssw=ört,")); err != nil || said(srv, "AUTH SCRAM-SHA-256") != 1 {
		t.Errorf("%v, %q", err, srv.Commands())
	}
	s = linked(t, config)
	if err := s.Authenticate(t.Context(), WithMechanism("SCRAM-SHA-256")); !errors.Is(err, smtp.ErrNoAuth) {
		t.Errorf("another mechanism by name: %v", err)
	}
	other := auth.Credentials{UserName: "user", Password: "pa ssw=ört,"}.Authenticator()
	if err := s.Authenticate(t.Context(), WithAuthenticator(other)); err != nil || said(srv, "AUTH SCRAM-SHA-256") != 2 {
		t.Errorf("another Authenticator: %v, %q", err, srv.Commands())
	}
}

// A token that is given is what is meant, though a password is stored.
func TestAuthenticate_ATokenGoesBeforeTheStoredPassword(t *testing.T) {
	srv := memory(t, licensed(smtptest.Implicit, "SCRAM-SHA-256", "XOAUTH2"))
	config := reach(srv, Extended|SecureImplicit)
	config.Dialer, config.UserName, config.Password = srv, "user", "an old one"
	s := linked(t, config)
	if err := s.Authenticate(t.Context(), WithToken(auth.StaticToken("to.ken~+/=="))); err != nil || said(srv, "AUTH XOAUTH2") != 1 {
		t.Errorf("%v, %q", err, srv.Commands())
	}
}

// Whatever an Authenticator returns, nothing was sent and the session is unhurt;
// its error stays its own.
func TestAuthenticate_AnAuthenticatorsErrorIsItsOwn(t *testing.T) {
	s, srv, evs := enter(t, licensed(smtptest.Implicit, "PLAIN"), Extended|SecureImplicit)
	for _, kind := range []smtp.Kind{smtp.KindTimeout, smtp.KindLost, smtp.KindNotConnected, smtp.KindProtocol, smtp.KindReply, smtp.KindPanic} {
		shared := &smtp.Error{Kind: kind, Reply: smtp.Reply{Code: 421, Text: "4.3.2 elsewhere"}}
		for _, err := range []error{shared, fmt.Errorf("the vault: %w", shared)} {
			got := s.Authenticate(t.Context(), WithAuthenticator(func(context.Context, []string, *tlsState) (sasl.Client, error) { return nil, err }))
			if !errors.Is(got, smtp.ErrMechanism) || !strings.Contains(got.Error(), err.Error()) {
				t.Errorf("%v: %v", err, got)
			}
		}
		if shared.Phase != "" || shared.Command != "" {
			t.Errorf("written to: %+v", shared)
		}
	}
	if err := s.Authenticate(t.Context(), WithAuthenticator(func(context.Context, []string, *tlsState) (sasl.Client, error) {
		return nil, (*smtp.Error)(nil)
	})); !errors.Is(err, smtp.ErrMechanism) || err.Error() == "" {
		t.Errorf("%v", err)
	}
	if said(srv, "AUTH") != 0 {
		t.Errorf("%q", srv.Commands())
	}
	leave(t, s, evs)
}

// An Authenticator must not wait for its own session.
func TestAuthenticate_AnAuthenticatorThatUsesItsSession(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s, _, evs := enter(t, licensed(smtptest.Implicit, "PLAIN"), Extended|SecureImplicit)
		err := s.Authenticate(t.Context(), WithAuthenticator(func(ctx context.Context, offer []string, state *tlsState) (sasl.Client, error) {
			for name, err := range map[string]error{"Noop": s.Noop(ctx), "Authenticate": logIn("PLAIN")(ctx, s), "Disconnect": s.Disconnect(ctx), "Connect": s.Connect(ctx)} {
				if !errors.Is(err, smtp.ErrInHook) {
					t.Errorf("%s: %v", name, err)
				}
			}
			offer[0] = "changed" // its own to keep
			return auth.Credentials{UserName: "user", Password: "pa ssw=ört,"}.Authenticator()(ctx, []string{"PLAIN"}, state)
		}))
		if err != nil {
			t.Error(err)
		}
		leave(t, s, evs)
	})
}

// A cut that comes between the server's yes and ours wins: the session is gone.
func TestAuthenticate_H25_ACutJustAsTheAnswerArrives(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		var s *Session
		srv := memory(t, licensed(smtptest.Implicit, "PLAIN"))
		config := reach(srv, Extended|SecureImplicit)
		config.Dialer = srv
		config.Hooks = []events.Hook{endOf("AUTH", func() { _ = s.Close() })}
		s = newSession(t, config)
		evs := record(t, s)
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Authenticate(t.Context(), credentials("PLAIN", "")...); !errors.Is(err, smtp.ErrClosed) || !errors.Is(err, smtp.ErrCanceled) {
			t.Error(err)
		}
		<-s.Done()
		if all := evs(); len(logins(all)) != 1 {
			t.Errorf("%v", kindsOf(all))
		}
	})
}

// endOf calls f at the end of a command.
func endOf(verb string, f func()) events.Hook { return commandEnd{verb, f} }

type commandEnd struct {
	verb string
	f    func()
}

func (commandEnd) CommandStart(ctx context.Context, _ events.CommandStart) context.Context {
	return ctx
}
func (c commandEnd) CommandEnd(_ context.Context, e events.CommandEnd) {
	if e.Verb == c.verb {
		c.f()
	}
}

// A server may offer any number of names, and any octets for one.
func TestAuthenticate_H8_OddNamesOfMechanisms(t *testing.T) {
	names := []string{"\x1b[2J", "PLAIN\x00", "TOO-LONG-TO-BE-A-MECHANISM", "GRÜSSE"}
	for i := range 10_000 {
		names = append(names, fmt.Sprint("X", i))
	}
	srv := memory(t, smtptest.Config{Mode: smtptest.Implicit, On: map[string]smtptest.Step{
		"EHLO": smtptest.Say("250-smtptest.test\r\n250-AUTH " + strings.Join(names[:200], " ") + "\r\n250 AUTH " + strings.Join(names[200:300], " "))}})
	config := reach(srv, Extended|SecureImplicit)
	config.Dialer = srv
	s := linked(t, config)
	err := s.Authenticate(t.Context(), WithAuthenticator(func(_ context.Context, offer []string, _ *tlsState) (sasl.Client, error) {
		if len(offer) != 64-4 || slices.ContainsFunc(offer, func(name string) bool { return !strings.HasPrefix(name, "X") }) {
			t.Errorf("%d: %q", len(offer), offer)
		}
		return nil, errMine
	}))
	if !errors.Is(err, errMine) {
		t.Error(err)
	}
}
