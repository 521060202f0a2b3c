package session

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/auth"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

type tlsState = tls.ConnectionState

// scripted is a server that offers mechanisms and answers AUTH by step, which
// reads what it wants. Lines of the client are collected as they were sent.
func scripted(step func(ask func(reply string) string, say func(reply string), line string), mechanisms ...string) (smtptest.Config, *[]string) {
	lines := new([]string)
	return smtptest.Config{Mode: smtptest.Implicit, Keywords: []string{"AUTH " + strings.Join(mechanisms, " ")},
		On: map[string]smtptest.Step{"AUTH": func(c *smtptest.Conn) {
			line := c.Line()
			*lines = append(*lines, line)
			say := func(reply string) { _ = c.Write(reply + "\r\n") }
			step(func(reply string) string {
				say(reply)
				response, err := c.ReadLine()
				if err != nil {
					return "EOF"
				}
				*lines = append(*lines, response)
				return response
			}, say, line)
		}}}, lines
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestSASL_H10_WhatAServerMayDoWrong(t *testing.T) {
	type ask = func(string) string
	type say = func(string)
	plain := "AUTH PLAIN " + b64("\x00user\x00pa ssw=ört,")
	for _, c := range []struct {
		name      string
		mechanism string
		step      func(ask ask, say say, line string)
		is        error
		code      int
		survives  bool
		lines     []string
	}{
		{"535, then more", "PLAIN", func(_ ask, say say, _ string) { say("535 5.7.8 no\r\n334 " + b64("more")) },
			smtp.ErrReply, 535, false, []string{plain}},
		{"535, then 235", "PLAIN", func(_ ask, say say, _ string) { say("535 5.7.8 no\r\n235 yes") },
			smtp.ErrReply, 535, false, []string{plain}},
		{"334 to PLAIN with everything said", "PLAIN", func(ask ask, say say, _ string) { ask("334 "); say("501 5.7.0 cancelled") },
			smtp.ErrProtocol, 20006, false, []string{plain, "*"}},
		{"endless challenges to PLAIN", "PLAIN", func(ask ask, _ say, _ string) {
			for range 5 {
				ask("334 ")
			}
		}, smtp.ErrProtocol, 334, false, []string{plain, "*"}},
		{"endless challenges to LOGIN", "LOGIN", func(ask ask, _ say, _ string) {
			for range 5 {
				ask("334 " + b64("Password:"))
			}
		}, smtp.ErrProtocol, 334, false, []string{"AUTH LOGIN", b64("user"), b64("pa ssw=ört,"), "*"}},
		{"a challenge that is no base64", "LOGIN", func(ask ask, say say, _ string) { ask("334 what?"); say("501 no") },
			smtp.ErrProtocol, 20006, false, []string{"AUTH LOGIN", "*"}},
		{"a challenge of several lines", "LOGIN", func(ask ask, say say, _ string) { ask("334-QUJD\r\n334 QUJD"); say("501 no") },
			smtp.ErrProtocol, 20006, false, []string{"AUTH LOGIN", "*"}},
		{"success where it was cancelled", "LOGIN", func(ask ask, say say, _ string) { ask("334 !"); say("235 welcome") },
			smtp.ErrProtocol, 20006, false, []string{"AUTH LOGIN", "*"}},
		{"421 where it was cancelled", "LOGIN", func(ask ask, say say, _ string) { ask("334 !"); say("421 4.3.2 bye") },
			smtp.ErrReply, 421, false, []string{"AUTH LOGIN", "*"}},
		{"235 before LOGIN has said anything", "LOGIN", func(_ ask, say say, _ string) { say("235 welcome") },
			smtp.ErrProtocol, 20006, false, []string{"AUTH LOGIN"}},
		{"235 after LOGIN's user", "LOGIN", func(ask ask, say say, _ string) { ask("334 "); say("235 welcome") },
			smtp.ErrProtocol, 20006, false, []string{"AUTH LOGIN", b64("user")}},
		{"a challenge with a CR inside", "LOGIN", func(ask ask, say say, _ string) { ask("334 QU\rJD"); say("501 no") },
			smtp.ErrProtocol, 20006, false, []string{"AUTH LOGIN", "*"}},
		{"354", "PLAIN", func(_ ask, say say, _ string) { say("354 go on") },
			smtp.ErrProtocol, 354, false, []string{plain}},
		{"421", "PLAIN", func(_ ask, say say, _ string) { say("421 4.3.2 bye") },
			smtp.ErrReply, 421, false, []string{plain}},
		{"two challenges at once", "LOGIN", func(ask ask, _ say, _ string) { ask("334 \r\n334 ") },
			smtp.ErrProtocol, 334, false, []string{"AUTH LOGIN"}},
		{"535 to the user already", "LOGIN", func(ask ask, say say, _ string) { ask("334 "); say("535 5.7.8 no such user") },
			smtp.ErrReply, 535, true, []string{"AUTH LOGIN", b64("user")}},

		// Real servers differ. The first digit decides, and nothing is tried again.
		{"454 to a wrong password", "PLAIN", func(_ ask, say say, _ string) { say("454 4.7.0 Temporary authentication failure") },
			smtp.ErrReply, 454, true, []string{plain}},
		{"432", "PLAIN", func(_ ask, say say, _ string) { say("432 4.7.12 A password transition is needed") },
			smtp.ErrReply, 432, true, []string{plain}},
		{"538", "PLAIN", func(_ ask, say say, _ string) { say("538 5.7.11 Encryption required") },
			smtp.ErrReply, 538, true, []string{plain}},
		{"250 to a right one", "PLAIN", func(_ ask, say say, _ string) { say("250 2.7.0 ok") },
			nil, 0, true, []string{plain}},
		{"250 to LOGIN", "LOGIN", func(ask ask, say say, _ string) { ask("334 UserName:"); ask("334 "); say("250 ok") },
			smtp.ErrProtocol, 334, false, []string{"AUTH LOGIN", "*"}}, // a prompt that is no base64
		{"odd prompts", "LOGIN", func(ask ask, say say, _ string) { ask("334 " + b64("Wer da?")); ask("334 "); say("235 ok") },
			nil, 0, true, []string{"AUTH LOGIN", b64("user"), b64("pa ssw=ört,")}},
		{"XOAUTH2 refused with an explanation", "XOAUTH2", func(ask ask, say say, _ string) {
			ask("334 " + b64(`{"status":"401","schemes":"bearer","scope":"mail"}`))
			say("535 5.7.8 no")
		}, smtp.ErrReply, 535, true, []string{"AUTH XOAUTH2 " + b64("user=user\x01auth=Bearer to.ken~+/==\x01\x01"), ""}},
		{"454 to a wrong token", "XOAUTH2", func(ask ask, say say, _ string) {
			ask("334 " + b64(`{"status":"400"}`))
			say("454 4.7.0 later")
		}, smtp.ErrReply, 454, true, []string{"AUTH XOAUTH2 " + b64("user=user\x01auth=Bearer to.ken~+/==\x01\x01"), ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, lines := scripted(c.step, c.mechanism)
			s, srv, evs := enter(t, cfg, Extended|SecureImplicit)
			err := s.Authenticate(t.Context(), credentials(c.mechanism, "")...)
			if c.is == nil && err != nil || !errors.Is(err, c.is) || smtp.Code(err) != c.code {
				t.Errorf("code %d, %v, want %d, %v", smtp.Code(err), err, c.code, c.is)
			}
			if s.Snapshot().Authenticated != (c.is == nil) {
				t.Error("authenticated, or not")
			}
			var all []events.Event
			if c.survives {
				all = leave(t, s, evs)
			} else {
				<-s.Done()
				all = evs()
				checkLife(t, all)
				allClosed(t, srv)
				if !errors.Is(s.Err(), smtp.ErrProtocol) && smtp.Code(s.Err()) != 421 {
					t.Errorf("Err: %v", s.Err())
				}
			}
			if !slices.Equal(*lines, c.lines) {
				t.Errorf("lines %q, want %q", *lines, c.lines)
			}
			if got := logins(all); len(got) != 1 || !errors.Is(got[0].Err, c.is) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// 504 and 534 to AUTH itself, before any secret has left, are followed by the
// next mechanism; nothing else is.
func TestSASL_NextMechanismOnlyBeforeASecret(t *testing.T) {
	for _, c := range []struct {
		name    string
		offered []string
		reply   string // to the first
		want    []string
		ok      bool
	}{
		{"504 to SCRAM", []string{"SCRAM-SHA-256", "PLAIN"}, "504 5.5.4 no", []string{"SCRAM-SHA-256", "PLAIN"}, true},
		{"534 to SCRAM", []string{"SCRAM-SHA-256", "PLAIN"}, "534 5.7.9 too weak", []string{"SCRAM-SHA-256", "PLAIN"}, true},
		{"535 to SCRAM", []string{"SCRAM-SHA-256", "PLAIN"}, "535 5.7.8 no", []string{"SCRAM-SHA-256"}, false},
		{"454 to SCRAM", []string{"SCRAM-SHA-256", "PLAIN"}, "454 4.7.0 no", []string{"SCRAM-SHA-256"}, false},
		{"504 to SCRAM-PLUS", []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "PLAIN"}, "504 5.5.4 no", []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"}, false},
		{"504 to PLAIN, said at once", []string{"PLAIN", "LOGIN"}, "504 5.5.4 no", []string{"PLAIN"}, false},
		{"504 to the only one", []string{"LOGIN"}, "504 5.5.4 no", []string{"LOGIN"}, false},
		{"504 to one that was named", []string{"LOGIN", "PLAIN"}, "504 5.5.4 no", []string{"LOGIN"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tried []string
			cfg, _ := scripted(func(_ func(string) string, say func(string), line string) {
				tried = append(tried, strings.Fields(line)[1])
				if len(tried) == 1 || strings.HasSuffix(tried[0], "-PLUS") {
					say(c.reply)
				} else {
					say("235 ok")
				}
			}, c.offered...)
			s, _, evs := enter(t, cfg, Extended|SecureImplicit)
			options := []AuthOption{WithUserName("user"), WithPassword("secret")}
			if c.name == "504 to one that was named" {
				options = append(options, WithMechanism("LOGIN"))
			}
			err := s.Authenticate(t.Context(), options...)
			if (err == nil) != c.ok || !c.ok && fmt.Sprint(smtp.Code(err)) != c.reply[:3] {
				t.Error(err)
			}
			if !slices.Equal(tried, c.want) {
				t.Errorf("tried %q, want %q", tried, c.want)
			}
			leave(t, s, evs)
		})
	}
}

// A secret has left with LOGIN's password, and with an initial response that the
// server asked for.
func TestSASL_NoNextMechanismAfterASecret(t *testing.T) {
	for mechanism, password := range map[string]string{"LOGIN": "secret", "PLAIN": strings.Repeat("long", 200)} {
		var tried []string
		cfg, _ := scripted(func(ask func(string) string, say func(string), line string) {
			tried = append(tried, strings.Fields(line)[1])
			for range map[string]int{"LOGIN": 2, "PLAIN": 1}[mechanism] {
				ask("334 ")
			}
			say("504 5.5.4 no")
		}, mechanism, "X-WEAKER")
		s, _, evs := enter(t, cfg, Extended|SecureImplicit)
		of := auth.Credentials{UserName: "user", Password: password}.Authenticator()
		err := s.Authenticate(t.Context(), WithAuthenticator(func(ctx context.Context, offer []string, state *tlsState) (sasl.Client, error) {
			if !slices.Contains(offer, mechanism) {
				return replying{"X-WEAKER", nil, nil}, nil
			}
			return of(ctx, offer, state)
		}))
		if smtp.Code(err) != 504 || !slices.Equal(tried, []string{mechanism}) {
			t.Errorf("%s: %v, tried %q", mechanism, err, tried)
		}
		leave(t, s, evs)
	}
}

// 235 to AUTH alone, where the initial response waits to be asked for: nothing
// has been said, so nobody is authenticated.
func TestSASL_H10_SuccessBeforeAnythingWasSaid(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "XOAUTH2", "OAUTHBEARER"} {
		cfg, lines := scripted(func(_ func(string) string, say func(string), _ string) { say("235 welcome") }, mechanism)
		s, _, evs := enter(t, cfg, Extended|SecureImplicit)
		long := strings.Repeat("long", 200)
		err := s.Authenticate(t.Context(), WithUserName("user"), WithPassword(long), WithToken(auth.StaticToken(long)), WithMechanism(mechanism))
		if !errors.Is(err, smtp.ErrProtocol) || s.Snapshot().Authenticated || !slices.Equal(*lines, []string{"AUTH " + mechanism}) {
			t.Errorf("%v, %q", err, *lines)
		}
		<-s.Done()
		checkLife(t, evs())
	}
}

// A temporary refusal is about the server, not about the token.
func TestSASL_OnlyARefusalOfTheTokenDropsIt(t *testing.T) {
	for reply, want := range map[string]int{"432 4.7.12 later": 1, "450 4.2.0 later": 1, "504 5.5.4 no": 1, "454 4.7.0 wrong": 3, "535 5.7.8 no": 3} {
		asked := 0
		of := auth.Credentials{UserName: "user", Token: func(context.Context) (auth.Token, error) {
			asked++
			return auth.Token{Value: "token"}, nil
		}}.Authenticator()
		cfg, _ := scripted(func(_ func(string) string, say func(string), _ string) { say(reply) }, "XOAUTH2")
		s, _, evs := enter(t, cfg, Extended|SecureImplicit)
		for range 3 {
			if err := s.Authenticate(t.Context(), WithAuthenticator(of)); fmt.Sprint(smtp.Code(err)) != reply[:3] {
				t.Error(err)
			}
		}
		if asked != want {
			t.Errorf("%s: asked %d times, want %d", reply, asked, want)
		}
		leave(t, s, evs)
	}
}

// In clear the next one may be one that the gate holds back: then the refusal is
// what to know.
func TestSASL_H1_TheNextMechanismMeetsTheGateToo(t *testing.T) {
	cfg, lines := scripted(func(_ func(string) string, say func(string), _ string) { say("504 5.5.4 no") }, "SCRAM-SHA-1", "PLAIN")
	cfg.Mode = smtptest.Plain
	s, _, evs := enter(t, cfg, Extended)
	err := s.Authenticate(t.Context(), WithUserName("user"), WithPassword("secret"))
	if smtp.Code(err) != 504 || len(*lines) != 1 {
		t.Errorf("%v, %q", err, *lines)
	}
	leave(t, s, evs)
}

// RFC 4954 4: an initial response only where the whole line fits into 512
// octets, "=" for an empty one; else the server asks for it.
func TestSASL_InitialResponse(t *testing.T) {
	// "AUTH PLAIN " + base64("\0" user "\0" password) + CRLF: 11 + 4*ceil(n/3) + 2
	const fits = 373 // octets of the response: 500 in base64
	for _, n := range []int{10, fits - 1, fits, fits + 1, fits + 2, fits + 3, 5000} {
		password := strings.Repeat("p", n-len("\x00user\x00"))
		response := b64("\x00user\x00" + password)
		cfg, lines := scripted(func(ask func(string) string, say func(string), line string) {
			if line == "AUTH PLAIN" {
				ask("334 ")
			}
			say("235 ok")
		}, "PLAIN")
		s, _, evs := enter(t, cfg, Extended|SecureImplicit)
		if err := s.Authenticate(t.Context(), WithUserName("user"), WithPassword(password)); err != nil {
			t.Fatal(err)
		}
		want := []string{"AUTH PLAIN " + response}
		if len(want[0])+2 > 512 {
			want = []string{"AUTH PLAIN", response}
		}
		if got := *lines; len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("%d octets: %d lines %.40q, want %d", n, len(got), got, len(want))
		}
		leave(t, s, evs)
	}
	cfg, lines := scripted(func(_ func(string) string, say func(string), _ string) { say("235 ok") }, "EXTERNAL")
	s, _, evs := enter(t, cfg, Extended|SecureImplicit)
	if err := s.Authenticate(t.Context(), WithMechanism("EXTERNAL")); err != nil || !slices.Equal(*lines, []string{"AUTH EXTERNAL ="}) {
		t.Errorf("%v, %q", err, *lines)
	}
	leave(t, s, evs)
}

// A response that no line may hold ends the exchange by "*", and the session
// stays ready.
func TestSASL_AResponseIsBounded(t *testing.T) {
	cfg, lines := scripted(func(ask func(string) string, say func(string), _ string) {
		ask("334 ")
		say("501 5.7.0 cancelled")
	}, "X-LONG")
	s, _, evs := enter(t, cfg, Extended|SecureImplicit)
	long := replying{"X-LONG", make([]byte, 10_000), nil}
	err := s.Authenticate(t.Context(), WithAuthenticator(func(context.Context, []string, *tlsState) (sasl.Client, error) { return long, nil }))
	if !errors.Is(err, smtp.ErrMechanism) || !slices.Equal(*lines, []string{"AUTH X-LONG", "*"}) {
		t.Errorf("%v, %q", err, *lines)
	}
	leave(t, s, evs)
}

// An initial response that no line may hold is not even asked for.
func TestSASL_AnInitialResponseIsBounded(t *testing.T) {
	cfg, lines := scripted(func(ask func(string) string, say func(string), _ string) { ask("334 "); say("235 ok") }, "PLAIN")
	s, _, evs := enter(t, cfg, Extended|SecureImplicit)
	err := s.Authenticate(t.Context(), WithUserName("user"), WithPassword(strings.Repeat("p", 20_000)))
	if !errors.Is(err, smtp.ErrMechanism) || len(*lines) != 0 {
		t.Errorf("%v, %d lines", err, len(*lines))
	}
	leave(t, s, evs)
}

// replying is a client that answers every challenge alike.
type replying struct {
	name     string
	response []byte
	err      error
}

func (r replying) Start() (string, []byte, error) { return r.name, nil, nil }
func (r replying) Next([]byte) ([]byte, error)    { return r.response, r.err }

// A program's own mechanism: no challenge too many for it but 32, and what fails
// in it is cancelled.
func TestSASL_OwnMechanism(t *testing.T) {
	broken := errors.New("the card was pulled")
	for _, c := range []struct {
		client   replying
		is       error
		steps    int
		survives bool
	}{
		{replying{"X-OWN", []byte("yes"), nil}, smtp.ErrProtocol, 33, false},
		{replying{"X-OWN", nil, broken}, broken, 1, true},
	} {
		steps := 0
		cfg, lines := scripted(func(ask func(string) string, say func(string), _ string) {
			for {
				steps++
				if r := ask("334 " + b64("again")); r == "*" || r == "EOF" {
					break
				}
			}
			say("501 5.7.0 cancelled")
		}, "X-OWN")
		s, _, evs := enter(t, cfg, Extended|SecureImplicit)
		err := s.Authenticate(t.Context(), WithAuthenticator(func(context.Context, []string, *tlsState) (sasl.Client, error) { return c.client, nil }))
		if !errors.Is(err, c.is) || steps != c.steps || (*lines)[len(*lines)-1] != "*" {
			t.Errorf("%v after %d challenges, %q", err, steps, *lines)
		}
		if c.survives {
			leave(t, s, evs)
		} else {
			<-s.Done()
			checkLife(t, evs())
		}
	}
}

// lying is the server's side of SCRAM, which tells what it should not.
type lying func(step int, response string) (challenge string, done bool)

// H9: a server that cannot prove that it knows the password, or asks for too
// little or too much, never ends in success.
func TestSASL_H9_SCRAMServersThatLie(t *testing.T) {
	first := func(format string) lying {
		return func(step int, response string) (string, bool) {
			_, nonce, _ := strings.Cut(response, ",r=")
			return fmt.Sprintf(format, nonce), false
		}
	}
	honest := first("r=%sserver,s=" + b64("salt") + ",i=4096")
	second := func(answer string, done bool) lying {
		return func(step int, response string) (string, bool) {
			if step == 1 {
				return honest(step, response)
			}
			return answer, done
		}
	}
	for name, c := range map[string]struct {
		lie lying
		is  error
	}{
		"235 without a signature":        {second("", true), smtp.ErrProtocol},
		"235 at once":                    {func(int, string) (string, bool) { return "", true }, smtp.ErrProtocol},
		"a wrong signature":              {second("v="+b64("no signature at all"), false), smtp.ErrProtocol},
		"an empty signature":             {second("v=", false), smtp.ErrProtocol},
		"no signature but something":     {second("x=1", false), smtp.ErrProtocol},
		"one iteration":                  {first("r=%sserver,s=" + b64("salt") + ",i=1"), smtp.ErrMechanism},
		"4095 iterations":                {first("r=%sserver,s=" + b64("salt") + ",i=4095"), smtp.ErrMechanism},
		"1000001 iterations":             {first("r=%sserver,s=" + b64("salt") + ",i=1000001"), smtp.ErrMechanism},
		"2147483647 iterations":          {first("r=%sserver,s=" + b64("salt") + ",i=2147483647"), smtp.ErrMechanism},
		"a nonce that is not ours":       {first("r=x%sserver,s=" + b64("salt") + ",i=4096"), smtp.ErrProtocol},
		"our nonce alone":                {first("r=%s,s=" + b64("salt") + ",i=4096"), smtp.ErrProtocol},
		"an extension that is mandatory": {first("m=x,r=%sserver,s=" + b64("salt") + ",i=4096"), smtp.ErrProtocol},
	} {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"} {
			t.Run(mechanism+"/"+name, func(t *testing.T) {
				cfg, _ := scripted(func(ask func(string) string, say func(string), line string) {
					_, initial, _ := strings.Cut(strings.TrimPrefix(line, "AUTH "), " ")
					for step := 1; ; step++ {
						response, _ := base64.StdEncoding.DecodeString(initial)
						challenge, done := c.lie(step, string(response))
						if done {
							say("235 2.7.0 welcome")
							return
						}
						if initial = ask("334 " + b64(challenge)); initial == "*" {
							say("501 5.7.0 cancelled")
							return
						} else if initial == "EOF" {
							return
						}
					}
				}, mechanism)
				s, _, evs := enter(t, cfg, Extended|SecureImplicit)
				err := s.Authenticate(t.Context(), WithUserName("user"), WithPassword("secret"))
				if !errors.Is(err, c.is) || s.Snapshot().Authenticated {
					t.Errorf("%v, want %v", err, c.is)
				}
				if c.is == smtp.ErrMechanism {
					leave(t, s, evs)
					return
				}
				<-s.Done()
				checkLife(t, evs())
			})
		}
	}
}

// The server's list before STARTTLS means nothing after it (H3).
func TestAuthenticate_H3_TheListAfterSTARTTLSCounts(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{"AUTH PLAIN LOGIN CRAM-MD5", "AUTH XOAUTH2", ""},
		{"AUTH CRAM-MD5", "AUTH LOGIN", "LOGIN"},
		{"AUTH", "AUTH PLAIN", "PLAIN"},
		{"SIZE", "AUTH=LOGIN", "LOGIN"},
	} {
		cfg := licensed(smtptest.StartTLS, "PLAIN", "LOGIN")
		cfg.Keywords, cfg.KeywordsTLS = []string{c.before}, []string{c.after}
		s, srv, evs := enter(t, cfg, Extended|SecureExplicit)
		err := s.Authenticate(t.Context(), WithUserName("user"), WithPassword("pa ssw=ört,"))
		if c.want == "" && (!errors.Is(err, smtp.ErrNoAuth) || said(srv, "AUTH") != 0) || c.want != "" && (err != nil || said(srv, "AUTH "+c.want) != 1) {
			t.Errorf("%q then %q: %v, %q", c.before, c.after, err, srv.Commands())
		}
		leave(t, s, evs)
	}
}

// While a mechanism computes, no cancel waits for it.
func TestInvariant_4_CancelDoesNotWaitForArithmetic(t *testing.T) {
	for _, way := range ways()[:3] {
		bubble(t, way.name, func(t *testing.T) { computes(t, way) })
	}
	bubble(t, "Disconnect whose context ends", func(t *testing.T) {
		computes(t, ways()[2], func(s *Session) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := s.Disconnect(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Disconnect: %v", err)
			}
		})
	})
}

func computes(t *testing.T, way way, before ...func(*Session)) {
	{
		cfg, _ := scripted(func(ask func(string) string, _ func(string), _ string) { ask("334 ") }, "X-SLOW")
		srv := memory(t, cfg)
		config := reach(srv, Extended|SecureImplicit)
		config.Dialer = srv
		s := linked(t, config)
		computed := make(chan struct{})
		ctx, end := way.begin(s, 10*time.Second)
		ended := make(chan error, 1)
		began := make(chan struct{})
		go func() {
			ended <- s.Authenticate(ctx, WithAuthenticator(func(context.Context, []string, *tlsState) (sasl.Client, error) {
				return computing{began, computed}, nil
			}))
		}()
		<-began
		for _, f := range before {
			f(s)
		}
		_ = end()
		begun := time.Now()
		err := <-ended
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("took %v", took)
		}
		e, _ := errors.AsType[*smtp.Error](err)
		if !errors.Is(err, smtp.ErrCanceled) || e.Phase != "auth" || e.Command != "AUTH" {
			t.Error(err)
		}
		for _, is := range way.is {
			if len(before) == 0 && !errors.Is(err, is) {
				t.Errorf("%v is not %v", err, is)
			}
		}
		if s.State() != fsm.Auth {
			t.Errorf("%v", s.State())
		}
		close(computed)
		<-s.Done()
	}
}

type computing struct{ began, done chan struct{} }

func (c computing) Start() (string, []byte, error) { return "X-SLOW", nil, nil }
func (c computing) Next([]byte) ([]byte, error) {
	close(c.began)
	<-c.done
	return nil, nil
}
