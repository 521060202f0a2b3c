package auth

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

// everything is what a generous server offers, the weakest first.
var everything = strings.Fields("FROB ANONYMOUS EXTERNAL CRAM-MD5 LOGIN PLAIN XOAUTH2 OAUTHBEARER SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-512-PLUS")

// TestChoice_TheStrongestOfWhatIsLeft takes what was chosen out of the offer,
// until nothing is left: the whole order shows.
func TestChoice_TheStrongestOfWhatIsLeft(t *testing.T) {
	state, _ := tlsStates(t, tls.VersionTLS13, ecdsaKey(t))
	password := Credentials{UserName: "u", Password: "p"}
	with := func(c Credentials, change func(*Credentials)) Credentials { change(&c); return c }
	for name, c := range map[string]struct {
		c    Credentials
		tls  *tls.ConnectionState
		want string
	}{
		"password":               {password, state, "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"},
		"password, no TLS":       {password, nil, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"},
		"password, no binding":   {password, &tls.ConnectionState{HandshakeComplete: true}, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"},
		"password for another":   {with(password, func(c *Credentials) { c.Identity = "i" }), nil, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN"},
		"password and token":     {with(password, func(c *Credentials) { c.Token = StaticToken("T") }), state, "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2 PLAIN LOGIN"},
		"user and token":         {Credentials{UserName: "u", Token: StaticToken("T")}, state, "OAUTHBEARER XOAUTH2"},
		"token for another":      {Credentials{UserName: "u", Identity: "i", Token: StaticToken("T")}, state, "OAUTHBEARER"},
		"token":                  {Credentials{Token: StaticToken("T")}, state, "OAUTHBEARER"},
		"by name":                {with(password, func(c *Credentials) { c.Mechanism = "Login" }), state, "LOGIN"},
		"weak by name":           {with(password, func(c *Credentials) { c.Mechanism = "cram-md5" }), state, "CRAM-MD5"},
		"EXTERNAL":               {Credentials{Mechanism: "EXTERNAL"}, state, "EXTERNAL"},
		"ANONYMOUS":              {Credentials{Mechanism: "anonymous"}, nil, "ANONYMOUS"},
		"PLUS by name":           {with(password, func(c *Credentials) { c.Mechanism = "SCRAM-SHA-1-PLUS" }), state, "SCRAM-SHA-1-PLUS"},
		"PLUS by name, no TLS":   {with(password, func(c *Credentials) { c.Mechanism = "SCRAM-SHA-1-PLUS" }), nil, ""},
		"not PLUS by name":       {with(password, func(c *Credentials) { c.Mechanism = "SCRAM-SHA-1" }), state, "SCRAM-SHA-1"},
		"XOAUTH2 by name":        {Credentials{UserName: "u", Token: StaticToken("T"), Mechanism: "xoauth2"}, state, "XOAUTH2"},
		"all, but PLAIN by name": {with(password, func(c *Credentials) { c.Token, c.Mechanism = StaticToken("T"), "PLAIN" }), nil, "PLAIN"},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.c.Authenticator()
			left := slices.Clone(everything)
			ctx := WithOffer(t.Context(), everything)
			var got []string
			for range len(everything) + 1 {
				client, err := a(ctx, left, c.tls)
				if err != nil {
					if !errors.Is(err, smtp.ErrNoAuth) || client != nil {
						t.Errorf("%v %v", client, err)
					}
					break
				}
				mechanism, _, err := client.Start()
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, mechanism)
				left = slices.DeleteFunc(left, func(s string) bool { return s == mechanism })
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestChoice_TheClientsSayTheCredentials(t *testing.T) {
	c := Credentials{UserName: "u", Password: "p", Token: StaticToken("T"), Host: "mx", Port: 25}
	for want, change := range map[string]func(*Credentials){
		"PLAIN \x00u\x00p":  func(c *Credentials) { c.Mechanism = "PLAIN" },
		"PLAIN i\x00u\x00p": func(c *Credentials) { c.Mechanism, c.Identity = "PLAIN", "i" },
		"OAUTHBEARER n,a=u,\x01host=mx\x01port=25\x01auth=Bearer T\x01\x01": func(c *Credentials) { c.Mechanism = "OAUTHBEARER" },
		"OAUTHBEARER n,a=i,\x01host=mx\x01port=25\x01auth=Bearer T\x01\x01": func(c *Credentials) { c.Mechanism, c.Identity = "OAUTHBEARER", "i" },
		"XOAUTH2 user=u\x01auth=Bearer T\x01\x01":                           func(c *Credentials) { c.Mechanism = "XOAUTH2" },
		"EXTERNAL i":  func(c *Credentials) { c.Mechanism, c.Identity = "EXTERNAL", "i" },
		"ANONYMOUS u": func(c *Credentials) { c.Mechanism = "ANONYMOUS" },
	} {
		c := c
		change(&c)
		mechanism, initial, err := made(t)(c.Authenticator()(t.Context(), everything, nil)).Start()
		if got := mechanism + " " + string(initial); got != want || err != nil {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
}

func TestChoice_FlagYOnlyIfTheServerNeverOfferedABinding(t *testing.T) {
	state, _ := tlsStates(t, tls.VersionTLS13, ecdsaKey(t))
	a := Credentials{UserName: "u", Password: "p"}.Authenticator()
	plain := []string{scramSHA1}
	for _, c := range []struct {
		offer []string // nil: WithOffer was not asked
		tls   *tls.ConnectionState
		flag  string
	}{
		{nil, state, "y"}, {plain, state, "y"}, {nil, nil, "n"},
		{[]string{scramSHA1, scramSHA1 + plus}, state, "n"}, // refused meanwhile: "y" would be a lie
		{[]string{scramSHA1, "SCRAM-SHA-512-PLUS"}, state, "n"},
		{[]string{scramSHA1, "FROB-PLUS"}, state, "y"},
	} {
		ctx := t.Context()
		if c.offer != nil {
			ctx = WithOffer(ctx, c.offer)
		}
		_, initial, err := made(t)(a(ctx, plain, c.tls)).Start()
		if !strings.HasPrefix(string(initial), c.flag+",,n=u,r=") || err != nil {
			t.Errorf("%v, TLS %t: %q %v, want %s", c.offer, c.tls != nil, initial, err, c.flag)
		}
	}
}

func TestChoice_NothingInCommonSaysWhatToDo(t *testing.T) {
	state, _ := tlsStates(t, tls.VersionTLS13, ecdsaKey(t))
	password := Credentials{UserName: "u", Password: "p"}
	for name, c := range map[string]struct {
		c     Credentials
		left  []string
		offer []string
		tls   *tls.ConnectionState
		want  []string
		not   string
	}{
		"in clear":          {password, nil, nil, nil, []string{"offers nothing", "SecureExplicit"}, "refused"},
		"in TLS":            {password, []string{"GSSAPI"}, nil, state, []string{"offers GSSAPI;", "want SCRAM-SHA-256-PLUS,", "PLAIN, LOGIN"}, "SecureExplicit"},
		"refused":           {password, []string{"FROB"}, []string{"FROB", "PLAIN"}, state, []string{"offers FROB, PLAIN, of which FROB may be tried"}, ""},
		"weak":              {password, []string{"CRAM-MD5", "ANONYMOUS"}, nil, state, []string{"CRAM-MD5 is used only if Mechanism names it", "ANONYMOUS is"}, "EXTERNAL"},
		"token":             {password, []string{"XOAUTH2"}, nil, state, []string{"XOAUTH2 needs a Token"}, ""},
		"no password":       {Credentials{UserName: "u", Token: StaticToken("T")}, []string{"PLAIN"}, nil, state, []string{"PLAIN needs a Password"}, ""},
		"named":             {Credentials{UserName: "u", Password: "p", Mechanism: "CRAM-MD5"}, []string{"PLAIN", "LOGIN"}, nil, state, []string{"want CRAM-MD5;", "PLAIN could do: Mechanism forbids it"}, "SCRAM"},
		"no binding":        {password, []string{"SCRAM-SHA-1-PLUS"}, nil, &tls.ConnectionState{}, []string{"-PLUS needs a channel binding"}, ""},
		"hostile":           {password, append(slices.Repeat([]string{"X\x1b[2J" + strings.Repeat("Y", 2000)}, 1000), "Z"), nil, state, []string{`X\x1b[2JYYYYYYYYYYYYYYY, X`, "…"}, "Z"},
		"cut in characters": {password, []string{strings.Repeat("\u20ac", 20)}, nil, state, []string{strings.Repeat("\u20ac", 6) + `\xe2\x82`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if c.offer != nil {
				ctx = WithOffer(ctx, c.offer)
			}
			client, err := c.c.Authenticator()(ctx, c.left, c.tls)
			if client != nil || !errors.Is(err, smtp.ErrNoAuth) {
				t.Fatalf("%v %v", client, err)
			}
			text := err.Error()
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%s: does not say %q", text, want)
				}
			}
			if c.not != "" && strings.Contains(text, c.not) || len(errors.Unwrap(err).Error()) > 1000 || strings.Contains(text, "\x1b") {
				t.Errorf("%s", text)
			}
		})
	}
}

func TestChoice_ZeroCredentialsSayThatAUserIsMissing(t *testing.T) {
	client, err := Credentials{}.Authenticator()(t.Context(), []string{"PLAIN"}, nil)
	if client != nil || !errors.Is(err, smtp.ErrInvalid) || !strings.Contains(err.Error(), "user name") {
		t.Errorf("%v %v", client, err)
	}
}

func TestChoice_APasswordThatSCRAMCannotSayIsNoStepDown(t *testing.T) {
	a := Credentials{UserName: "u", Password: "sesame\u0007"}.Authenticator()
	client, err := a(t.Context(), []string{"PLAIN", "SCRAM-SHA-1"}, nil)
	if client != nil || kindOf(err) != smtp.KindMechanism || strings.Contains(fmt.Sprint(err), "sesame") {
		t.Errorf("%v %v", client, err)
	}
	if client, err = a(t.Context(), []string{"PLAIN"}, nil); client == nil || err != nil {
		t.Errorf("without SCRAM: %v %v", client, err)
	}
}

func TestAuthenticator_EachCallHasAnErrorOfItsOwn(t *testing.T) { // a session writes its phase into it
	for name, c := range map[string]Credentials{
		"invalid":    {},
		"unprepared": {UserName: "u", Password: "\u0007"},
		"no match":   {Token: StaticToken("T")},
		"no token":   {UserName: "u", Token: StaticToken(""), Mechanism: "XOAUTH2"},
	} {
		a := c.Authenticator()
		_, first := a(t.Context(), []string{"XOAUTH2", "SCRAM-SHA-1"}, nil)
		_, second := a(t.Context(), []string{"XOAUTH2", "SCRAM-SHA-1"}, nil)
		if first == nil || first == second {
			t.Errorf("%s: %v is shared", name, first)
		}
	}
}

func TestAuthenticator_IsSafeForManySessions(t *testing.T) {
	a := Credentials{UserName: "user,=", Password: "pencil", Token: StaticToken("T")}.Authenticator()
	server := scramServer(t, scramSHA256)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 4 {
				name := []string{scramSHA256, "OAUTHBEARER"}[i%2]
				client, err := a(t.Context(), []string{name}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if name != scramSHA256 {
					_ = Refused(client)
				} else if err := talk(client, server.NewConversation()); err != nil || !Done(client) {
					t.Errorf("%v, done %t", err, Done(client))
				}
			}
		})
	}
	all.Wait()
}
