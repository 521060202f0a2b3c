package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestGate_H1_WhatShowsASecretNeedsTLS(t *testing.T) {
	for mechanism, reveals := range map[string]bool{
		"PLAIN": true, "LOGIN": true, "XOAUTH2": true, "OAUTHBEARER": true,
		"plain": true, "FROB": true, "": true, "SCRAM": true, "X-SCRAM-SHA-1": true, "CRAM-MD5-X": true, "PASSDSS-3DES-1": true,
		"SCRAM-SHA-1": false, "SCRAM-SHA-1-PLUS": false, "SCRAM-SHA-256": false, "SCRAM-SHA-256-PLUS": false, "scram-sha-512": false,
		"CRAM-MD5": false, "DIGEST-MD5": false, "EXTERNAL": false, "ANONYMOUS": false, "GSSAPI": false, "GS2-KRB5": false, "NTLM": false,
	} {
		if Reveals(mechanism) != reveals {
			t.Errorf("Reveals(%q) is %t", mechanism, !reveals)
		}
		c := clientOf(t, Credentials{Mechanism: "LOGIN", UserName: "tim", Password: "tanstaaf"})
		allowed := made(t)(AllowClear(AllowClear(fixed(c, nil)))(t.Context(), nil, nil))
		for _, g := range []struct {
			client sasl.Client
			secure bool
			pass   bool
		}{{c, true, true}, {c, false, !reveals}, {allowed, true, true}, {allowed, false, true}} {
			got, err := Permit(g.client, mechanism, g.secure)
			switch {
			case g.pass && (got != c || err != nil):
				t.Errorf("%q, secure %t: %v %v", mechanism, g.secure, got, err)
			case !g.pass && (got != nil || !errors.Is(err, smtp.ErrInClear)):
				t.Errorf("%q, secure %t: %v %v", mechanism, g.secure, got, err)
			case !g.pass:
				for _, word := range []string{"SecureExplicit", "SecureImplicit", "auth.AllowClear"} {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("%v does not say %s", err, word)
					}
				}
			}
		}
	}
}

// bare hides whatever a client has beside Start and Next.
type bare struct{ sasl.Client }

// forwarding is a wrapper as it should be.
type forwarding struct{ sasl.Client }

func (f forwarding) Done() bool     { return Done(f.Client) }
func (f forwarding) Refused() error { return Refused(f.Client) }

func TestGate_H9_AWrapperMustNotHideTheProof(t *testing.T) {
	allow := func(c sasl.Client) sasl.Client { return made(t)(AllowClear(fixed(c, nil))(t.Context(), nil, nil)) }
	for name, c := range map[string]struct {
		wrap func(sasl.Client) sasl.Client
		ok   bool
	}{
		"none":                     {func(c sasl.Client) sasl.Client { return c }, true},
		"AllowClear":               {allow, true},
		"forwarding":               {func(c sasl.Client) sasl.Client { return forwarding{c} }, true},
		"AllowClear of forwarding": {func(c sasl.Client) sasl.Client { return allow(forwarding{c}) }, true},
		"forwarding of AllowClear": {func(c sasl.Client) sasl.Client { return forwarding{allow(c)} }, true},
		"bare":                     {func(c sasl.Client) sasl.Client { return bare{c} }, false},
		"AllowClear of bare":       {func(c sasl.Client) sasl.Client { return allow(bare{c}) }, false},
		"bare of AllowClear":       {func(c sasl.Client) sasl.Client { return bare{allow(c)} }, false},
	} {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "scram-sha-512"} {
			for _, secure := range []bool{true, false} {
				got, err := Permit(c.wrap(vector(t)), mechanism, secure)
				switch {
				case c.ok && (err != nil || Done(got)):
					t.Errorf("%s, %s: %v, or 235 would be believed", name, mechanism, err)
				case !c.ok && (got != nil || kindOf(err) != smtp.KindMechanism || !strings.Contains(err.Error(), "forward Done and Refused")):
					t.Errorf("%s, %s: %v %v", name, mechanism, got, err)
				}
			}
		}
	}
	if d, ok := allow(vector(t)).(interface{ Done() bool }); !ok || d.Done() {
		t.Error("AllowClear's client has no Done to forward")
	}
	for _, c := range []sasl.Client{bare{sasl.NewPlainClient("", "u", "p")}, bare{allow(sasl.NewPlainClient("", "u", "p"))}} {
		if got, err := Permit(c, "PLAIN", true); got != c || err != nil {
			t.Errorf("%v %v", got, err)
		}
		if got, err := Permit(c, "PLAIN", false); got != nil || !errors.Is(err, smtp.ErrInClear) {
			t.Errorf("wrapped after AllowClear: %v %v", got, err)
		}
	}
}

// fixed is an Authenticator that always returns the same.
func fixed(c sasl.Client, err error) Authenticator {
	return func(context.Context, []string, *tls.ConnectionState) (sasl.Client, error) { return c, err }
}

func TestAllowClear_PassesEverythingOn(t *testing.T) {
	ctx, state := t.Context(), &tls.ConnectionState{}
	inner := &loud{}
	a := AllowClear(func(got context.Context, mechanisms []string, tls *tls.ConnectionState) (sasl.Client, error) {
		if got != ctx || len(mechanisms) != 1 || mechanisms[0] != "X" || tls != state {
			t.Errorf("%v %v %v", got, mechanisms, tls)
		}
		return inner, nil
	})
	c := made(t)(a(ctx, []string{"X"}, state))
	if name, initial, err := c.Start(); name != "LOUD" || string(initial) != "hello" || err != nil {
		t.Errorf("%s %q %v", name, initial, err)
	}
	if response, err := c.Next([]byte("a")); string(response) != "a!" || err != nil {
		t.Errorf("%q %v", response, err)
	}
	if Done(c) || !errors.Is(Refused(c), errLoud) {
		t.Error("Done and Refused do not reach the client")
	}
}

func TestAllowClear_OfNothing(t *testing.T) {
	if AllowClear(nil) != nil {
		t.Error("nil became an Authenticator")
	}
	for _, a := range []Authenticator{fixed(nil, errLoud), fixed(nil, nil), fixed(&loud{}, errLoud)} {
		_, want := a(t.Context(), nil, nil)
		if c, err := AllowClear(a)(t.Context(), nil, nil); c != nil || err != want {
			t.Errorf("%v %v", c, err)
		}
	}
}

var errLoud = errors.New("loud")

type loud struct{}

func (*loud) Start() (string, []byte, error)        { return "LOUD", []byte("hello"), nil }
func (*loud) Next(challenge []byte) ([]byte, error) { return append(challenge, '!'), nil }
func (*loud) Done() bool                            { return false }
func (*loud) Refused() error                        { return errLoud }
