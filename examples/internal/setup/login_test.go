package setup

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
)

// A password is asked for where it is all that is missing, and what is missing
// stops the program before anything is dialled.
func TestLogin_Complete(t *testing.T) {
	token := auth.StaticToken("t")
	for _, c := range []struct {
		login  auth.Credentials
		asked  bool
		answer string
		want   string // of the error
	}{
		{login: auth.Credentials{UserName: "me", Password: "p"}},
		{login: auth.Credentials{UserName: "me"}, asked: true, answer: "p"},
		{login: auth.Credentials{UserName: "me"}, asked: true, want: "Password is missing"},
		{login: auth.Credentials{UserName: "me"}, asked: true, answer: "a\x00b", want: "NUL"},
		{login: auth.Credentials{}, want: "UserName is missing"},
		{login: auth.Credentials{Password: "p"}, want: "UserName is missing"},
		{login: auth.Credentials{Token: token}},
		{login: auth.Credentials{UserName: "me", Token: token}},
		{login: auth.Credentials{UserName: "me", Token: token, Mechanism: "login"}, asked: true, answer: "p"},
		{login: auth.Credentials{UserName: "me", Mechanism: "XOAUTH2"}, want: "Token is missing"},
		{login: auth.Credentials{UserName: "me", Password: "p", Mechanism: "X-NO"}, want: "SCRAM-SHA-256"},
		{login: auth.Credentials{UserName: "a\nb"}, want: "UserName"},
		{login: auth.Credentials{Mechanism: "ANONYMOUS"}},
		{login: auth.Credentials{Mechanism: "EXTERNAL"}},
	} {
		asked := ""
		ask := func(_ context.Context, prompt string) (string, error) {
			asked = prompt
			return c.answer, nil
		}
		l := Login{Credentials: c.login}
		err := l.complete(t.Context(), ask)
		if (err != nil) != (c.want != "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "EHLO_PASSWORD")) {
			t.Errorf("%v: %v, want %q", c.login, err, c.want)
		}
		if (asked != "") != c.asked || c.asked && asked != "Password of me: " {
			t.Errorf("%v: asked %q", c.login, asked)
		}
		if c.answer != "" && l.Password != c.answer {
			t.Errorf("%v: the answer is not the password", c.login)
		}
		l = Login{Credentials: c.login}
		if err := l.complete(t.Context(), nil); (err != nil) != (c.want != "" || c.asked) {
			t.Errorf("%v, nobody to ask: %v", c.login, err)
		}
	}
}

// Nor does the program's own state show them.
func TestLogin_PrintsWithoutSecrets(t *testing.T) {
	set, err := NewFlags("program", playtest.EnvOf(map[string]string{"EHLO_PASSWORD": "hunter2", "EHLO_TOKEN": "hunter3"})).Parse([]string{"-auth", "-host", "a.example", "-user", "me"})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, set.Login) + fmt.Sprintf(verb, *set.Login); strings.Contains(got, "hunter") || strings.Contains(got, "68756e746572") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}
