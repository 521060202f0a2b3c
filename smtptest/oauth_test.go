package smtptest

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

func TestOAuthBearer_Grammar(t *testing.T) {
	const auth = "\x01auth=Bearer token\x01\x01"
	for response, want := range map[string]struct{ user, token string }{
		// RFC 7628, section 4.1
		"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01": {
			"user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="},
		"n,a=a=2Cb=3Dc=3D2C," + auth: {"a,b=c=2C", "token"},
		"n,," + auth:                 {"", "token"},
		"y,," + auth:                 {"", "token"},
		"n,,\x01auth=bearer token\x01x=y\x01\x01":       {"", "token"},
		"p=tls-exporter,," + auth:                       {},
		"n,a=," + auth:                                  {},
		"n,a=a=2cb," + auth:                             {},
		"n,a=a=b," + auth:                               {},
		"n,a=a,b," + auth:                               {},
		"n,user," + auth:                                {},
		"n,a=user" + auth:                               {},
		"n,,\x01auth=Bearer token\x01":                  {},
		"n,,\x01auth=Bearer token":                      {},
		"n,,\x01auth=Basic token\x01\x01":               {},
		"n,,\x01auth=Bearer\x01\x01":                    {},
		"n,,\x01auth=Bearer to ken\x01\x01":             {},
		"n,,\x01host=h\x01\x01":                         {},
		"n,,\x01what\x01auth=Bearer token\x01\x01":      {},
		"user=user\x01auth=Bearer token\x01\x01":        {},
		"n,,\x01auth=Bearer token\x01\x01auth=Bearer x": {},
		"\x01": {},
		"":     {},
	} {
		user, token, err := parseOAuthBearer(response)
		if err != nil {
			user, token = "", ""
		}
		if user != want.user || token != want.token || (err == nil) != (want.token != "") {
			t.Errorf("%q: user %q, token %q, %v", response, user, token, err)
		}
	}
}

func TestXOAuth2_Grammar(t *testing.T) {
	for response, ok := range map[string]bool{
		"user=a@b.example\x01auth=Bearer token\x01\x01": true,
		"user=a@b.example\x01auth=bearer token\x01\x01": true,
		"user=\x01auth=Bearer token\x01\x01":            false,
		"user=a@b.example\x01auth=Bearer token\x01":     false,
		"user=a@b.example\x01auth=Bearer \x01\x01":      false,
		"user=a@b.example\x01auth=token\x01\x01":        false,
		"a@b.example\x01auth=Bearer token\x01\x01":      false,
		"user=a@b.example\x01auth=Bearer token":         false,
		"user=a@b.example":                              false,
		"":                                              false,
	} {
		user, token, err := parseXOAuth2(response)
		if ok != (err == nil) || ok && (user != "a@b.example" || token != "token") {
			t.Errorf("%q: user %q, token %q, %v", response, user, token, err)
		}
	}
}

func TestOAuth_FailureIsToldInAChallenge(t *testing.T) {
	for name, status := range map[string]string{"OAUTHBEARER": "invalid_token", "XOAUTH2": "400"} {
		for _, answer := range []struct{ line, want string }{
			{b64("\x01"), "535"}, {"", "535"}, {b64("whatever"), "535"}, {"*", "501"},
		} {
			s := memory(t, everyMechanism())
			p := inside(t, s)
			_, response, _ := clientOf(p, name, "user", "expired").Start()
			challenge := p.ask("AUTH "+name+" "+b64(string(response)), "334 ")[0]
			blob, err := base64.StdEncoding.DecodeString(challenge[4:])
			if err != nil {
				t.Fatal(err)
			}
			var failure struct{ Status, Schemes, Scope string }
			err = json.Unmarshal(blob, &failure)
			if err != nil || failure.Status != status || !strings.EqualFold(failure.Schemes, "bearer") || failure.Scope == "" {
				t.Errorf("%s: challenge %s, %v", name, blob, err)
			}
			p.ask(answer.line, answer.want)
			p.wantUser("")
			wantSecretsHidden(t, s, []string{challenge[4:]})
		}
	}
}

func TestOAuthBearer_WithoutUserTheTokenNamesIt(t *testing.T) {
	s := memory(t, everyMechanism())
	p := inside(t, s)
	p.ask("AUTH OAUTHBEARER "+b64("n,,\x01auth=Bearer other\x01\x01"), "235")
	p.wantUser("us,er=")
	inside(t, s).ask("AUTH OAUTHBEARER "+b64("n,,\x01auth=Bearer none\x01\x01"), "334")
}
