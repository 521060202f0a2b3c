package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestLogin_MisuseIsStatus2(t *testing.T) {
	for want, args := range map[string][]string{
		"UserName":  {"-auth"},
		"Password":  {"-auth", "-user", "me"},
		"Token":     {"-mechanism", "OAUTHBEARER"},
		`"Gothic"`:  {"-mechanism", "Gothic"},
		`UserName `: {"-auth-in-clear"},
	} {
		r := play(t, append(args, "-json", "-host", "127.0.0.1", "-port", playtest.ClosedPort(t), "-attempts", "1")...).Want(setup.ExitUsage)
		if r.Stdout != "" || !strings.Contains(r.Stderr, want) || !strings.Contains(r.Stderr, "-user") || !strings.Contains(r.Stderr, "-h") {
			t.Errorf("%q: standard output %q, standard error %q", args, r.Stdout, r.Stderr)
		}
	}
}

func TestLogin_AskedPasswordIsUsed(t *testing.T) {
	args := playtest.Server(t, smtptest.Config{Users: map[string]string{"me": "hunter2"}, Mechanisms: []string{"SCRAM-SHA-256"}}, "-auth", "-user", "me")
	for password, status := range map[string]int{"hunter2": setup.ExitDone, "hunter3": exitRefused, "": setup.ExitUsage} {
		ask := func(context.Context, string) (string, error) { return password, nil }
		playAsking(t, t.Context(), nil, ask, args...).Want(status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := playAsking(t, ctx, nil, func(ctx context.Context, _ string) (string, error) { cancel(); return "", ctx.Err() }, args...).Want(setup.ExitFailed)
	if r.Stdout != "" || !strings.Contains(r.Stderr, "canceled") || strings.Contains(r.Stderr, "-h") {
		t.Errorf("Ctrl-C at the prompt: %q, %q", r.Stdout, r.Stderr)
	}
	r = playAsking(t, t.Context(), nil, func(context.Context, string) (string, error) { return "", errors.New("no ioctl") }, args...).Want(setup.ExitUsage)
	if !strings.Contains(r.Stderr, "no ioctl") {
		t.Errorf("standard error: %q", r.Stderr)
	}
}

// A login that fails is shown, QUIT is said if the session is still there, and
// the status is its own.
func TestLogin_Refused(t *testing.T) {
	t.Parallel()
	env := map[string]string{"EHLO_PASSWORD": "hunter2"}
	for _, c := range []struct {
		on     smtptest.Step
		code   float64
		quit   bool
		events string
		tells  string
	}{
		{smtptest.Say("535 5.7.8 who?"), 535, true, "OnAuthenticate OnDisconnect", "EHLO_PASSWORD"},
		{smtptest.Say("454 4.7.0 later"), 454, true, "OnAuthenticate OnDisconnect", "may pass"},
		{smtptest.SayAndClose("421 4.7.0 no"), 421, false, "OnAuthenticate OnDisconnect", "may pass"},
		{smtptest.Close(), 10054, false, "OnAuthenticate OnDisconnect", "hung up"},
		{smtptest.Say("235 2.7.0 of course"), 20006, false, "OnAuthenticate OnDisconnect", "-mechanism"},
		{smtptest.Silence(), 10060, false, "OnAuthenticate OnTimeout OnDisconnect", "-timeout"},
	} {
		args := playtest.Server(t, smtptest.Config{Users: map[string]string{"me": "x"}, Mechanisms: []string{"SCRAM-SHA-256"},
			On: map[string]smtptest.Step{"AUTH": c.on}}, "-auth", "-user", "me", "-timeout", "200ms")
		all := playWith(t, t.Context(), env, append(args, "-json")...).Want(exitRefused).Lines()
		if got := playtest.Names(all); !strings.HasSuffix(got, "OnConnect "+c.events) {
			t.Errorf("%v: events %s", c.code, got)
		}
		quit := slices.ContainsFunc(playtest.Find(all, "OnStateChange"), func(o playtest.Object) bool { return o["to"] == "quit" })
		if quit != c.quit {
			t.Errorf("%v: QUIT is said: %v", c.code, quit)
		}
		if e := playtest.Find(all, "OnAuthenticate"); len(e) != 1 || e[0]["code"] != c.code || e[0]["phase"] != "auth" {
			t.Errorf("%v: %v", c.code, e)
		}
		playWith(t, t.Context(), env, args...).Want(exitRefused).Tells("OnConnect", "OnAuthenticate", "OnDisconnect", "auth ",
			"Not logged in", "where", "SCRAM-SHA-256", fmt.Sprint(c.code), c.tells)
	}
}

// Ctrl-C is no refusal.
func TestLogin_Cancel(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 1)
	args := playtest.Server(t, smtptest.Config{Users: map[string]string{"me": "x"}, Mechanisms: []string{"SCRAM-SHA-256"},
		On: map[string]smtptest.Step{"AUTH": smtptest.Then(func(*smtptest.Conn) { reached <- struct{}{} }, smtptest.Silence())}}, "-auth", "-user", "me")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	playWith(t, ctx, map[string]string{"EHLO_PASSWORD": "hunter2"}, args...).Want(setup.ExitFailed).Tells("OnConnect", "OnAuthenticate", "OnCancel", "OnDisconnect", "auth ", "Not logged in", "10004")
}

// A server without AUTH is told from one that refuses.
func TestLogin_NotOffered(t *testing.T) {
	t.Parallel()
	args := playtest.Server(t, smtptest.Config{}, "-auth", "-user", "me")
	playWith(t, t.Context(), map[string]string{"EHLO_PASSWORD": "hunter2"}, args...).Want(exitRefused).Tells("OnHello", "Extended",
		"OnAuthenticate", "does not list AUTH", "Not logged in", "20009", "port 587")
}

// A secret is shown nowhere, in no encoding: right or wrong, by each mechanism,
// in each view, in TLS and in clear, also if the server says it back.
func TestLogin_SecretsAreShownNowhere(t *testing.T) {
	t.Parallel()
	const user, password, token = "some.user", "hun ter2=ö", "ya29.hunter3_~+/=="
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	secrets := []string{password, `hun ter2`, token, "ya29.hunter3", b64(password), b64(token), b64("\x00" + user + "\x00" + password),
		b64("user=" + user + "\x01auth=Bearer " + token + "\x01\x01"), b64("n,a=" + user + ",\x01auth=Bearer " + token + "\x01\x01")}
	mechanisms := []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2"}
	env := map[string]string{"EHLO_PASSWORD": password, "EHLO_TOKEN": token}
	users, tokens := map[string]string{user: password}, map[string]string{user: token}
	others := map[string]string{user: "other"}
	parrot := func(c *smtptest.Conn) { smtptest.Say("535 5.7.8 what is " + c.Line() + "?")(c) }
	for name, c := range map[string]struct {
		cfg    smtptest.Config
		status int
	}{
		"right":    {smtptest.Config{Users: users, Tokens: tokens}, setup.ExitDone},
		"wrong":    {smtptest.Config{Users: others, Tokens: others}, exitRefused},
		"repeated": {smtptest.Config{Users: users, Tokens: tokens, On: map[string]smtptest.Step{"AUTH": parrot}}, exitRefused},
	} {
		c.cfg.AuthInClear, c.cfg.Mechanisms = true, mechanisms
		args := playtest.Server(t, c.cfg, "-user", user, "-auth-in-clear", "-trace")
		for _, mechanism := range mechanisms {
			for _, more := range [][]string{{}, {"-json"}} {
				r := playWith(t, t.Context(), env, append(append(args, "-mechanism", mechanism), more...)...).Want(c.status)
				for _, secret := range secrets {
					if strings.Contains(r.Stdout+r.Stderr, secret) {
						t.Errorf("%s, %s: %q is in\n%s%s", name, mechanism, secret, r.Stdout, r.Stderr)
					}
				}
			}
		}
	}
}
