package auth

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestToken_OctetsOfRFC6750(t *testing.T) {
	for token, ok := range map[string]bool{
		"abcXYZ019-._~+/": true, "a=": true, "a==": true, "ya29.a0": true,
		"": false, "=": false, "a b": false, "a=b": false, " a": false, "a\n": false, "a\x01": false, "\u00fc": false, "\"a\"": false, "a,": false,
	} {
		err := checkToken(token)
		if ok != (err == nil) || !ok && !errors.Is(err, smtp.ErrInvalid) {
			t.Errorf("%q: %v", token, err)
		}
		for _, mechanism := range []string{"OAUTHBEARER", "XOAUTH2"} {
			c, err := Credentials{UserName: "u", Token: StaticToken(token)}.Authenticator()(t.Context(), []string{mechanism}, nil)
			if ok != (err == nil) || ok != (c != nil) || !ok && kindOf(err) != smtp.KindMechanism {
				t.Errorf("%s %q: %v", mechanism, token, err)
			}
		}
	}
	if err := checkToken("s3same s3same"); err == nil || strings.Contains(err.Error(), "s3same") {
		t.Errorf("%v", err)
	}
}

// counting returns a source of T1, T2, … that live for ttl (0: not known).
func counting(ttl time.Duration) (TokenSource, *int) {
	calls := new(int)
	return func(context.Context) (Token, error) {
		*calls++
		token := Token{Value: fmt.Sprintf("T%d", *calls)}
		if ttl != 0 {
			token.Expiry = time.Now().Add(ttl)
		}
		return token, nil
	}, calls
}

func TestToken_IsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, _ := counting(time.Minute)
		tokens := newTokens(source)
		for _, step := range []struct {
			later time.Duration
			want  string
		}{{0, "T1"}, {50*time.Second - 1, "T1"}, {1, "T2"}, {49 * time.Second, "T2"}, {time.Hour, "T3"}} {
			<-time.After(step.later)
			if got, err := tokens.get(t.Context()); got != step.want || err != nil {
				t.Errorf("after %v more: %q %v, want %q", step.later, got, err, step.want)
			}
		}
	})
}

func TestToken_WithoutExpiryIsKeptUntilRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, calls := counting(0)
		a := Credentials{UserName: "u", Token: source}.Authenticator()
		for i, mechanism := range []string{"OAUTHBEARER", "XOAUTH2"} {
			first := made(t)(a(t.Context(), []string{mechanism}, nil))
			<-time.After(24 * time.Hour)
			second := made(t)(a(t.Context(), []string{mechanism}, nil))
			if *calls != 1+i {
				t.Errorf("%d calls, want %d", *calls, 1+i)
			}
			if err := Refused(first); err != nil {
				t.Error(err)
			}
			third := made(t)(a(t.Context(), []string{mechanism}, nil))
			_ = Refused(second) // the old token once more: the new one stays
			if _, err := a(t.Context(), []string{mechanism}, nil); err != nil || *calls != 2+i {
				t.Errorf("%d calls, want %d; %v", *calls, 2+i, err)
			}
			_, initial, _ := third.Start()
			if want := fmt.Sprintf("Bearer T%d\x01", 2+i); !strings.Contains(string(initial), want) {
				t.Errorf("%q, want %q", initial, want)
			}
		}
	})
}

func TestToken_OneThatHasEndedIsUsedOnceAndNotKept(t *testing.T) {
	source, calls := counting(-time.Second)
	tokens := newTokens(source)
	for want := range 3 {
		if got, err := tokens.get(t.Context()); err != nil || *calls != want+1 || got != fmt.Sprintf("T%d", want+1) {
			t.Errorf("%q %v after %d calls", got, err, *calls)
		}
	}
}

func TestToken_WaitersShareOneCallAndLeaveWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, release := 0, make(chan struct{})
		tokens := newTokens(func(context.Context) (Token, error) { // deaf to its context
			calls++
			<-release
			return Token{Value: "T"}, nil
		})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if got, err := tokens.get(context.Background()); got != "T" || err != nil {
					t.Errorf("%q %v", got, err)
				}
			})
		}
		synctest.Wait()
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := tokens.get(ctx)
			left <- err
		}()
		synctest.Wait()
		cancel(reason)
		if err := <-left; !errors.Is(err, reason) || kindOf(err) != smtp.KindMechanism {
			t.Errorf("%v", err)
		}
		tokens.drop("another") // must not wait for the source
		close(release)
		all.Wait()
		if calls != 1 {
			t.Errorf("%d calls of the source", calls)
		}
	})
}

func TestToken_ASourceThatFails(t *testing.T) {
	cause := errors.New("no network")
	for name, source := range map[string]TokenSource{
		"error":   func(context.Context) (Token, error) { return Token{}, cause },
		"nothing": func(context.Context) (Token, error) { return Token{}, nil },
		"no token": func(context.Context) (Token, error) {
			return Token{Value: "s3same\r\n"}, nil
		},
	} {
		a := Credentials{Token: source}.Authenticator()
		for range 2 { // the turn is given back
			c, err := a(t.Context(), []string{"OAUTHBEARER", "PLAIN"}, nil)
			if c != nil || kindOf(err) != smtp.KindMechanism || errors.Is(err, cause) != (name == "error") {
				t.Errorf("%s: %v %v", name, c, err)
			}
			if strings.Contains(fmt.Sprint(err), "s3same") {
				t.Errorf("the token is in %v", err)
			}
		}
	}
}

func TestToken_APanicOfTheSourceGivesTheTurnBack(t *testing.T) {
	first := true
	tokens := newTokens(func(context.Context) (Token, error) {
		if first {
			first = false
			panic("source")
		}
		return Token{Value: "T"}, nil
	})
	func() {
		defer func() { _ = recover() }()
		_, _ = tokens.get(t.Context())
	}()
	if got, err := tokens.get(t.Context()); got != "T" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

func TestTokenError_H8_OnlyWordsWithoutTheToken(t *testing.T) {
	const token = "ya29.s3same0123456789_lower_case_letters~"
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	scope := func(s string) string { return `{"status":"401","scope":"` + s + `"}` }
	silent := &TokenError{"401", ""}
	for says, want := range map[string]*TokenError{
		`{"status":"401","scope":"mail"}`:                               {"401", "mail"},
		`{"status":"insufficient_scope"}`:                               {"insufficient_scope", ""},
		`{"status":"` + strings.Repeat("y", 32) + `"}`:                  {strings.Repeat("y", 32), ""},
		`{"status":"` + strings.Repeat("y", 33) + `","scope":"mail"}`:   {"", "mail"},
		`{"status":"Invalid","scope":"mail"}`:                           {"", "mail"},
		`{"status":"invalid token","scope":"mail"}`:                     {"", "mail"},
		`{"status":"4011","scope":"mail"}`:                              {"", "mail"},
		`{"status":"41","scope":"mail"}`:                                {"", "mail"},
		`{"status":"4o1","scope":"mail"}`:                               {"", "mail"},
		`{"status":"invalid_token\u001b"}`:                              nil,
		`{"status":"\u0665\u0665\u0665","x":{}}`:                        nil, // digits, but not those of HTTP
		`{"status":"` + token + `","scope":"mail"}`:                     {"", "mail"},
		`{"status":"lower_case","scope":"mail"}`:                        {"", "mail"},
		`{"status":"lower_c"}`:                                          {"lower_c", ""},
		`{"status":401,"scope":"mail"}`:                                 {"", "mail"},
		`{"status":""}`:                                                 nil,
		`[]`:                                                            nil,
		"":                                                              nil,
		strings.Repeat("[", 20_000):                                     nil,
		scope("https://mail.example/ a!#[]~"):                           {"401", "https://mail.example/ a!#[]~"},
		scope(strings.Repeat("x", 100)):                                 {"401", strings.Repeat("x", 64)},
		scope(`mail\u001b`):                                             silent,
		scope(`mail\\`):                                                 silent,
		scope(`mail\"`):                                                 silent,
		scope("m\u00e4il"):                                              silent,
		scope("a " + token[3:11] + " b"):                                silent,
		scope("a " + token[3:10] + " b"):                                {"401", "a " + token[3:10] + " b"},
		scope(strings.Repeat(".", 56) + token):                          silent, // the cut leaves a piece of it
		scope(strings.Repeat(".", 57) + token):                          {"401", strings.Repeat(".", 57) + token[:7]},
		scope("x:" + b64(token[4:12])):                                  silent,
		scope("abc" + b64("x"+token[4:12]+"y") + "z"):                   silent,
		scope(b64("xy" + token[4:12])):                                  silent,
		scope(b64(token)):                                               silent,
		scope(b64(token[4:11])):                                         {"401", b64(token[4:11])},
		scope("x" + hex.EncodeToString([]byte(token[4:12]))):            silent,
		scope(strings.ToUpper(hex.EncodeToString([]byte(token[4:12])))): silent,
		scope("#" + hex.EncodeToString([]byte(token[4:11])) + "#"):      {"401", "#" + hex.EncodeToString([]byte(token[4:11])) + "#"},
	} {
		got := parseTokenError([]byte(says), token)
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%.80s: %v, want %v", says, got, want)
		}
	}
	if e := parseTokenError([]byte(`{"status":"t"}`), "t"); e != nil {
		t.Errorf("%v shows a short token", e)
	}
	const dense = "~~~???~~~???~~~" // whose base64 has + and /
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for i := range 3 {
			says := encoding.EncodeToString([]byte("abc"[:i] + dense))
			if e := parseTokenError([]byte(scope(says)), dense); *e != *silent {
				t.Errorf("%s: %v", says, e)
			}
		}
	}
	if got := (&TokenError{}).Error(); got != "token refused" {
		t.Error(got)
	}
}
