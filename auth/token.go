package auth

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// Token is a bearer token (RFC 6750). By itself it prints without its value, for
// every verb of fmt and in slog; not so in an unexported field of another type,
// where fmt asks no Formatter.
type Token struct {
	Value string `json:"-"`
	// Expiry is when the token ends; zero if that is not known.
	Expiry time.Time
}

// Format prints the token without its value, for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.LogValue().String()) }

// LogValue returns the same.
func (t Token) LogValue() slog.Value {
	return slog.StringValue("auth.Token{" + redact(t.Value) + "}")
}

// redact tells only whether there is something.
func redact(s string) string {
	if s == "" {
		return "unset"
	}
	return "[redacted]"
}

// TokenSource returns a token that holds now. It must return when ctx ends. One
// Authenticator asks it once at a time.
type TokenSource func(ctx context.Context) (Token, error)

// StaticToken returns a source of always the same token.
func StaticToken(value string) TokenSource {
	return func(context.Context) (Token, error) { return Token{Value: value}, nil }
}

// checkToken takes the octets of a b64token (RFC 6750 2.1), and does not show it.
func checkToken(token string) error {
	body := strings.TrimRight(token, "=")
	if body == "" {
		return smtp.Invalid("token is empty")
	}
	for i := range len(body) {
		c := body[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~+/", c) >= 0 {
			continue
		}
		return smtp.Invalid(fmt.Sprintf("token has an octet at %d that no bearer token has: want letters, digits and -._~+/ (RFC 6750 2.1)", i))
	}
	return nil
}

// tokenMargin is how long before its end a token is not used any more.
const tokenMargin = 10 * time.Second

// tokens asks a source and keeps its token until it ends or is refused.
type tokens struct {
	source TokenSource
	turn   chan struct{} // holds one while the source is being asked

	mu    sync.Mutex // never held over the source
	token Token
}

func newTokens(source TokenSource) *tokens {
	return &tokens{source: source, turn: make(chan struct{}, 1)}
}

// get returns a token. Who waits for another's call of the source leaves when
// its own ctx ends.
func (t *tokens) get(ctx context.Context) (string, error) {
	if value, ok := t.cached(); ok {
		return value, nil
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", tokenFailed(context.Cause(ctx))
	}
	if value, ok := t.cached(); ok { // the one who was before has got it
		return value, nil
	}
	token, err := t.source(ctx)
	if err != nil {
		return "", tokenFailed(err)
	}
	if err := checkToken(token.Value); err != nil {
		return "", tokenFailed(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token = token
	return token.Value, nil
}

func tokenFailed(err error) error {
	return &smtp.Error{Kind: smtp.KindMechanism, Err: fmt.Errorf("token source: %w", err)}
}

func (t *tokens) cached() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ended := !t.token.Expiry.IsZero() && time.Until(t.token.Expiry) <= tokenMargin
	return t.token.Value, t.token.Value != "" && !ended
}

// drop forgets a token that was refused, unless there is another by now.
func (t *tokens) drop(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token.Value == value {
		t.token = Token{}
	}
}

// TokenError is what a server says about a token it refused (RFC 7628 3.2.2). Its
// fields are the server's words, not trusted: what is no such word, or shows a
// piece of the token, is left out.
type TokenError struct {
	Status string // "invalid_token", "insufficient_scope"; of XOAUTH2 "400", "401"
	Scope  string // what a token needs, if the server says so; at most 64 octets
}

// Error returns status and scope, escaped.
func (e *TokenError) Error() string {
	text := "token refused"
	if e.Status != "" {
		text += ": " + smtp.Escape(e.Status)
	}
	if e.Scope != "" {
		text += " (scope " + smtp.Escape(e.Scope) + ")"
	}
	return text
}

// parseTokenError reads the server's error challenge; nil if it says nothing
// readable.
func parseTokenError(challenge []byte, token string) *TokenError {
	var e TokenError
	_ = json.Unmarshal(challenge, &e) // what could be read counts
	if !isStatus(e.Status) || shows(e.Status, token) {
		e.Status = ""
	}
	e.Scope = e.Scope[:min(len(e.Scope), 64)]
	if !isScope(e.Scope) || shows(e.Scope, token) {
		e.Scope = ""
	}
	if e == (TokenError{}) {
		return nil
	}
	return &e
}

// isStatus takes the words of RFC 6750 3.1 and their like, and the three digits of
// HTTP.
func isStatus(s string) bool {
	word := func(r rune) bool { return r >= 'a' && r <= 'z' || r == '_' }
	if isAll(s, word) {
		return len(s) <= 32
	}
	return len(s) == 3 && isAll(s, func(r rune) bool { return r >= '0' && r <= '9' })
}

// isScope takes the characters of a scope (RFC 6749 3.3).
func isScope(s string) bool {
	return isAll(s, func(r rune) bool { return r >= ' ' && r <= '~' && r != '"' && r != '\\' })
}

func isAll(s string, of func(rune) bool) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !of(r) })
}

// shows reports whether a server's text repeats a piece of the token: 8 octets in
// a row, or the whole of a shorter one; plain, in hex or in base64, wherever that
// begins.
func shows(text, token string) bool {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	n := min(len(token), 8)
	holds := func(text string) bool {
		for i := range len(text) - n + 1 {
			if strings.Contains(token, text[i:i+n]) {
				return true
			}
		}
		return false
	}
	for i := range text {
		run := strings.NewReplacer("-", "+", "_", "/").Replace(text[i:])
		run = run[:len(run)-len(strings.TrimLeft(run, alphabet))]
		fromHex, _ := hex.DecodeString(text[i:]) // as far as it is hex
		fromBase64, _ := base64.RawStdEncoding.DecodeString(run)
		if holds(string(fromHex)) || holds(string(fromBase64)) {
			return true
		}
	}
	return holds(text)
}
