package auth

import (
	"context"
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
		for name, made := range map[string]func() error{
			"OAUTHBEARER": func() error { _, err := NewOAuthBearer("u", token, "", 0); return err },
			"XOAUTH2":     func() error { _, err := NewXOAuth2("u", token); return err },
		} {
			if err := made(); ok != (err == nil) || !ok && !errors.Is(err, smtp.ErrInvalid) {
				t.Errorf("%s %q: %v", name, token, err)
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

func TestTokenError_IsBoundedAndWithoutTheToken(t *testing.T) {
	const token = "ya29.s3same0123456789s3same0123456789"
	long := strings.Repeat("y", 100)
	for says, want := range map[string]*TokenError{
		`{"status":"401","scope":"mail"}`:                      {"401", "mail"},
		`{"status":"` + long + `"}`:                            {long[:64], ""},
		`{"status":"` + token + `","scope":"mail"}`:            {"", "mail"},
		`{"status":"bad ` + token[5:20] + ` here"}`:            nil,
		`{"status":"` + strings.Repeat(".", 50) + token + `"}`: nil, // the cut leaves a piece of it
		`{"status":"` + `\u0079a29.s3same` + `"}`:              nil,
		`{"status":401,"scope":"mail"}`:                        {"", "mail"},
		`{"status":""}`:                                        nil,
		`[]`:                                                   nil,
		"":                                                     nil,
		strings.Repeat("[", 20_000):                            nil,
		`{"status":"` + strings.Repeat("\u00fc", 40) + `", "x":{}}`: {strings.Repeat("\u00fc", 32), ""},
	} {
		got := parseTokenError([]byte(says), token)
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%.60s: %v, want %v", says, got, want)
		}
		if got != nil && strings.Contains(got.Error(), "s3same") {
			t.Errorf("the token is in %v", got)
		}
	}
	if e := parseTokenError([]byte(`{"status":"T"}`), "T"); e != nil {
		t.Errorf("%v shows a short token", e)
	}
	if got := (&TokenError{}).Error(); got != "token refused" {
		t.Error(got)
	}
}
