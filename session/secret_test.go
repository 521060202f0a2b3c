package session

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// What a server repeats of a secret is not repeated by us: in whatever form and
// reply it stands, at once or later.
func TestInvariant_8_AServerThatRepeatsTheSecret(t *testing.T) {
	for _, password := range []string{"pa ssw=ört,", `pa"ss\word1`, "tab\tin it"} {
		payload := "\x00user\x00" + password
		forms := map[string]string{
			"plain": password, "base64": b64(password), "payload": b64(payload), "hex": hex.EncodeToString([]byte(password)),
			"HEX": strings.ToUpper(hex.EncodeToString([]byte(password))), "base64url": base64.URLEncoding.EncodeToString([]byte(password)),
			"cut": b64(payload)[:len(b64(payload))-3], "quoted": fmt.Sprintf("%q", password),
		}
		for name, form := range forms {
			for _, c := range []struct{ at, reply string }{
				{"AUTH", "535 5.7.8 wrong: " + form}, {"AUTH", "535-5.7.8 no\r\n535 5.7.8 " + form}, {"AUTH", "235 2.7.0 welcome " + form},
				{"AUTH", "535 5.7.8 " + form[:len(form)/2] + "\r\n"}, {"AUTH", "554-" + form + "\r\n555 5.7.8 " + form}, {"AUTH", "99 " + form},
				{"AUTH", form}, {"AUTH", "250-" + form + "\r\nx" + form}, {"AUTH", "535-5.7.8 " + form[:len(form)/2] + "\r\n535 5.7.8 " + form[len(form)/2:]},
				{"AUTH", "535 no\r\n535 " + form}, {"AUTH", "535 no\r\n250 " + form}, {"NOOP", "250 " + form}, {"NOOP", "550 " + form}, {"NOOP", "250 ok\r\n421 " + form},
				{"AUTH", "334 " + form + "\r\n334 " + form},
			} {
				if name == "cut" && (c.at == "NOOP" || strings.Count(c.reply, " no\r\n") > 0) {
					continue // pieces are known only while the login is under way
				}
				t.Run(name+"/"+c.reply, func(t *testing.T) {
					cfg, _ := scripted(func(_ func(string) string, say func(string), _ string) {
						if c.at == "AUTH" {
							say(c.reply)
						} else {
							say("235 ok")
						}
					}, "PLAIN")
					if c.at == "NOOP" {
						cfg.On["NOOP"] = smtptest.SayRaw(c.reply + "\r\n")
					}
					hook := &commandHook{start: func(context.Context, events.CommandStart) {}}
					srv := memory(t, cfg)
					config := reach(srv, Extended|SecureImplicit)
					config.Dialer, config.Hooks = srv, []events.Hook{hook}
					s := newSession(t, config)
					evs := record(t, s)
					if err := s.Connect(t.Context()); err != nil {
						t.Fatal(err)
					}
					var shown []string
					see := func(v any) { shown = append(shown, printed(v)...) }
					see(s.Authenticate(t.Context(), WithUserName("user"), WithPassword(password)))
					see(s)
					see(s.Noop(t.Context()))
					see(s)
					_ = s.Disconnect(t.Context())
					for _, e := range evs() {
						see(e)
					}
					for _, e := range hook.ends {
						see(e)
					}
					see(s.Err())
					half := form[:len(form)/2]
					for _, text := range shown {
						if strings.Contains(text, form) || strings.Contains(text, password) || c.reply == "535 5.7.8 "+half+"\r\n" && len(half) >= piece && strings.Contains(text, half) {
							t.Fatalf("%q is shown: %s", c.reply, text)
						}
					}
				})
			}
		}
	}
}

// The user's name is no secret, and neither is a word that holds a short one.
func TestInvariant_8_WhatIsNoSecretStaysReadable(t *testing.T) {
	for _, c := range []struct{ user, password, reply string }{
		{"ann@example.org", "secret", "535 5.7.8 no such user ann@example.org"},
		{"a", "a", "535 5.7.8 authentication failed"},
		{"user", "auth", "535 5.7.8 authentication failed"},
	} {
		for _, mechanism := range []string{"PLAIN", "LOGIN", "CRAM-MD5"} {
			cfg, _ := scripted(func(ask func(string) string, say func(string), _ string) {
				for range map[string]int{"LOGIN": 2, "CRAM-MD5": 1}[mechanism] {
					ask("334 " + b64("<1@x>"))
				}
				say(c.reply)
			}, mechanism)
			s, _, evs := enter(t, cfg, Extended|SecureImplicit)
			err := s.Authenticate(t.Context(), WithUserName(c.user), WithPassword(c.password), WithMechanism(mechanism))
			if !strings.Contains(err.Error(), c.reply[4:]) {
				t.Errorf("%s: %v", mechanism, err)
			}
			leave(t, s, evs)
		}
	}
}

// What a token's refusal says goes the same way.
func TestInvariant_8_AnExplanationThatRepeatsTheToken(t *testing.T) {
	const token = "ya29.to-ken_~+"
	for _, status := range []string{token, b64(token), hex.EncodeToString([]byte(token)), b64("auth=Bearer " + token)} {
		cfg, _ := scripted(func(ask func(string) string, say func(string), _ string) {
			ask("334 " + b64(`{"status":"`+status+`","scope":"`+status+`"}`))
			say("535 5.7.8 no")
		}, "XOAUTH2")
		s, _, evs := enter(t, cfg, Extended|SecureImplicit)
		err := s.Authenticate(t.Context(), WithUserName("user"), WithToken(auth.StaticToken(token)))
		if err == nil || strings.Contains(err.Error(), status) {
			t.Errorf("%v", err)
		}
		leave(t, s, evs)
	}
}

// It is hidden as well where the answers to a message repeat it.
func TestInvariant_8_AReceiptNeverRepeatsTheSecret(t *testing.T) {
	const password = "pa ssw=ört,"
	for _, moment := range []string{"MAIL", "RCPT", "DATA", "CONTENT"} {
		c := licensed(smtptest.Implicit, "PLAIN")
		c.Keywords, c.On = []string{"8BITMIME"}, map[string]smtptest.Step{moment: smtptest.SayRaw("550 5.7.1 not with " + password + "\r\n")}
		s, _, evs := enter(t, c, Extended|SecureImplicit)
		if err := s.Authenticate(t.Context(), credentials("PLAIN", "")...); err != nil {
			t.Fatal(err)
		}
		r, err := s.Send(t.Context(), to("a@example.net"))
		if r.Outcome != smtp.Rejected || smtp.Code(err) != 550 {
			t.Errorf("%s: %v, %v", moment, r, err)
		}
		for _, v := range []any{r, err, r.Reply.Text, r.Recipients[0], r.Recipients[0].Reply.Text, r.Recipients[0].Err} {
			for _, text := range printed(v) {
				if strings.Contains(text, password) || strings.Contains(text, "ssw=") {
					t.Errorf("%s: %s", moment, text)
				}
			}
		}
		leave(t, s, evs)
	}
}
