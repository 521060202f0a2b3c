package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestValidate_SaysWhatIsMissing(t *testing.T) {
	token := StaticToken("T")
	for name, c := range map[string]struct {
		c    Credentials
		want string // "": valid
	}{
		"nothing":                  {Credentials{}, "user name"},
		"only a password":          {Credentials{Password: "p"}, "UserName is missing"},
		"only a user":              {Credentials{UserName: "u"}, "Password is missing"},
		"user and password":        {Credentials{UserName: "u", Password: "p"}, ""},
		"only a token":             {Credentials{Token: token}, ""},
		"token and user":           {Credentials{Token: token, UserName: "u"}, ""},
		"token and password":       {Credentials{Token: token, Password: "p"}, "UserName is missing"},
		"all":                      {Credentials{UserName: "u", Password: "p", Identity: "i", Token: token, Host: "mx", Port: 65535}, ""},
		"unknown mechanism":        {Credentials{UserName: "u", Password: "p", Mechanism: "FROB"}, "want SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, SCRAM-SHA-256, SCRAM-SHA-1, OAUTHBEARER, XOAUTH2, PLAIN, LOGIN, CRAM-MD5, EXTERNAL, ANONYMOUS"},
		"port":                     {Credentials{Token: token, Port: 65536}, "Port is 65536"},
		"negative port":            {Credentials{Token: token, Port: -1}, "Port is -1"},
		"PLAIN without user":       {Credentials{Mechanism: "plain", Password: "p"}, "PLAIN: UserName is missing"},
		"PLAIN without password":   {Credentials{Mechanism: "PLAIN", UserName: "u"}, "PLAIN: Password is missing"},
		"PLAIN with only a token":  {Credentials{Mechanism: "PLAIN", UserName: "u", Token: token}, "PLAIN: Password is missing"},
		"LOGIN for another":        {Credentials{Mechanism: "LOGIN", UserName: "u", Password: "p", Identity: "i"}, "LOGIN: Identity is set"},
		"CRAM-MD5 for another":     {Credentials{Mechanism: "CRAM-MD5", UserName: "u", Password: "p", Identity: "i"}, "CRAM-MD5: Identity is set"},
		"CRAM-MD5 without user":    {Credentials{Mechanism: "CRAM-MD5", Password: "p"}, "CRAM-MD5: UserName is missing"},
		"SCRAM without password":   {Credentials{Mechanism: "scram-sha-1-plus", UserName: "u"}, "SCRAM-SHA-1-PLUS: Password is missing"},
		"SCRAM for another":        {Credentials{Mechanism: "SCRAM-SHA-256", UserName: "u", Password: "p", Identity: "i"}, ""},
		"OAUTHBEARER no token":     {Credentials{Mechanism: "OAUTHBEARER", UserName: "u", Password: "p"}, "OAUTHBEARER: Token is missing"},
		"OAUTHBEARER without user": {Credentials{Mechanism: "OAUTHBEARER", Token: token}, ""},
		"XOAUTH2 without user":     {Credentials{Mechanism: "XOAUTH2", Token: token}, "XOAUTH2: UserName is missing"},
		"XOAUTH2 for another":      {Credentials{Mechanism: "XOAUTH2", UserName: "u", Token: token, Identity: "i"}, "XOAUTH2: Identity is set"},
		"EXTERNAL":                 {Credentials{Mechanism: "external"}, ""},
		"EXTERNAL for another":     {Credentials{Mechanism: "EXTERNAL", Identity: "i"}, ""},
		"ANONYMOUS":                {Credentials{Mechanism: "ANONYMOUS"}, ""},
		"ANONYMOUS with a trace":   {Credentials{Mechanism: "ANONYMOUS", UserName: "u"}, ""},
		"ANONYMOUS for another":    {Credentials{Mechanism: "ANONYMOUS", Identity: "i"}, "ANONYMOUS: Identity is set"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.c.Validate()
			if (c.want == "") != (err == nil) || c.want != "" && (!errors.Is(err, smtp.ErrInvalid) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			_, got := c.c.Authenticator()(t.Context(), []string{"FROB"}, nil)
			if err != nil && fmt.Sprint(got) != err.Error() {
				t.Errorf("the Authenticator says %v", got)
			}
		})
	}
}

func TestValidate_H4_NoControlReachesTheWire(t *testing.T) {
	const secret = "s3same"
	for octets, password := range map[string]bool{ // whether a password may have it
		"\x00": false, "\r": true, "\n": true, "\x01": true, "\x1b": true, "\x7f": true, "\xff": false, "\xc3\x28": false,
	} {
		bad := secret + octets
		for field, c := range map[string]Credentials{
			"UserName": {UserName: bad, Password: "p", Token: StaticToken("T")},
			"Identity": {UserName: "u", Password: "p", Identity: bad, Token: StaticToken("T")},
			"Host":     {UserName: "u", Password: "p", Host: bad, Token: StaticToken("T")},
			"Password": {UserName: "u", Password: bad, Token: StaticToken("T")},
		} {
			for _, mechanism := range append(names(ways()), "") {
				c.Mechanism = mechanism
				err := c.Validate()
				if field == "Password" && password {
					if err != nil && strings.Contains(err.Error(), "Password") {
						t.Errorf("%s %s %q: %v", mechanism, field, octets, err)
					}
					continue
				}
				if !errors.Is(err, smtp.ErrInvalid) || !strings.Contains(fmt.Sprint(err), field) || strings.Contains(fmt.Sprint(err), secret) {
					t.Errorf("%s %s %q: %v", mechanism, field, octets, err)
				}
			}
		}
	}
}
