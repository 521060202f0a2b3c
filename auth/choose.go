package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"

	"github.com/ehlo-go/ehlo/smtp"
)

// way is a mechanism of this package.
type way struct {
	name   string
	traits traits
	build  func(ctx context.Context, c *chooser, on connection) (sasl.Client, error)
}

func (w way) has(t traits) bool { return w.traits&t != 0 }

type traits uint8

const (
	needsUser traits = 1 << iota
	needsPassword
	needsToken
	saysIdentity // if there is one; the others are not used with one
	reveals      // shows the secret to who reads the connection
	onlyByName   // is used only if Credentials name it
)

// connection is what a client is made for.
type connection struct {
	mechanism mechanism // to build
	binding   scram.ChannelBinding
	offer     []string // all that the server offers
}

// ways returns the mechanisms, the strongest first.
func ways() []way {
	sha1, sha256 := buildSCRAM(scramSHA1, scram.SHA1), buildSCRAM(scramSHA256, scram.SHA256)
	return []way{
		{scramSHA256 + plus, needsUser | needsPassword | saysIdentity, sha256},
		{scramSHA1 + plus, needsUser | needsPassword | saysIdentity, sha1},
		{scramSHA256, needsUser | needsPassword | saysIdentity, sha256},
		{scramSHA1, needsUser | needsPassword | saysIdentity, sha1},
		{sasl.OAuthBearer, needsToken | saysIdentity | reveals, buildOAuthBearer},
		{xoauth2, needsUser | needsToken | reveals, buildXOAuth2},
		{sasl.Plain, needsUser | needsPassword | saysIdentity | reveals, buildPlain},
		{sasl.Login, needsUser | needsPassword | reveals, buildLogin},
		{cramMD5, needsUser | needsPassword | onlyByName, buildCRAMMD5},
		{sasl.External, saysIdentity | onlyByName, buildExternal},
		{sasl.Anonymous, onlyByName, buildAnonymous},
	}
}

// wayOf returns the mechanism with a name in upper case.
func wayOf(name string) (way, bool) {
	for _, w := range ways() {
		if w.name == name {
			return w, true
		}
	}
	return way{}, false
}

func names(ways []way) []string {
	var names []string
	for _, w := range ways {
		names = append(names, w.name)
	}
	return names
}

// Authenticator returns an Authenticator for the credentials, which chooses the
// strongest mechanism that the server offers: SCRAM with channel binding, SCRAM,
// OAUTHBEARER, XOAUTH2, PLAIN, LOGIN. CRAM-MD5, EXTERNAL and ANONYMOUS are used
// only if Mechanism names them. What Validate has to say, each call returns.
//
// It holds the keys of SCRAM and the current token: share it among sessions. A
// token is asked for anew 10 s before it ends; one without Expiry is kept until
// it is refused, by a 5yz or a 454 (see [Refused]).
func (c Credentials) Authenticator() Authenticator { return newChooser(c).choose }

// chooser is the Authenticator of Credentials. Only tokens and scram change, and
// they look after themselves. Errors are made anew for each call: a session
// writes into its own.
type chooser struct {
	Credentials
	can    []way // the strongest first
	tokens *tokens
	scram  keyring
}

func newChooser(c Credentials) *chooser {
	ch := &chooser{Credentials: c, tokens: newTokens(c.Token)}
	for _, w := range ways() {
		named := strings.EqualFold(w.name, c.Mechanism)
		if c.lacks(w) == nil && (named || c.Mechanism == "" && !w.has(onlyByName)) {
			ch.can = append(ch.can, w)
		}
	}
	return ch
}

func (c *chooser) choose(ctx context.Context, mechanisms []string, tls *tls.ConnectionState) (sasl.Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	on := connection{binding: channelBinding(tls), offer: offer(ctx, mechanisms)}
	for _, w := range c.can {
		if slices.Contains(mechanisms, w.name) && (!isPlus(w.name) || on.binding.IsSupported()) {
			on.mechanism = mechanism(w.name)
			return w.build(ctx, c, on) // no step down if it fails: the next might show the password
		}
	}
	return nil, c.nothing(on.offer, mechanisms, tls != nil)
}

// nothing says what was offered, what could have been used, and what to do.
func (c *chooser) nothing(offer, left []string, secure bool) error {
	can := names(c.can)
	var b strings.Builder
	b.WriteString("server offers " + list(offer))
	if len(left) < len(offer) {
		b.WriteString(", of which " + list(left) + " may be tried")
	}
	b.WriteString("; these credentials want " + list(can))
	if !secure {
		b.WriteString("; with TLS there may be more (SecureExplicit, SecureImplicit)")
	} else if slices.ContainsFunc(left, isPlus) && slices.ContainsFunc(can, isPlus) {
		b.WriteString("; -PLUS needs a channel binding, which this TLS connection has not")
	}
	for _, w := range ways() {
		switch {
		case !slices.Contains(left, w.name) || slices.Contains(can, w.name):
		case c.Mechanism != "" && c.lacks(w) == nil:
			b.WriteString("; " + w.name + " could do: Mechanism forbids it")
		case w.has(onlyByName):
			b.WriteString("; " + w.name + " is used only if Mechanism names it")
		case w.has(needsToken) && c.Token == nil:
			b.WriteString("; " + w.name + " needs a Token")
		case w.has(needsPassword) && c.Password == "":
			b.WriteString("; " + w.name + " needs a Password")
		}
	}
	return &smtp.Error{Kind: smtp.KindNoAuth, Err: errors.New(b.String())}
}

// list returns names of mechanisms, maybe a server's, bounded and escaped.
func list(names []string) string {
	const most, longest = 16, 20 // a name has at most 20 octets (RFC 4422 3.1)
	if len(names) == 0 {
		return "nothing"
	}
	var b strings.Builder
	for i, name := range names {
		if i == most {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(smtp.Escape(name[:min(len(name), longest)]))
	}
	return b.String()
}
