package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/smtp"
)

// way is a mechanism of this package and what it needs of Credentials.
type way struct {
	name   string
	needs  needs
	byName bool // only if Credentials name it
}

type needs uint8

const (
	aUser needs = 1 << iota
	aPassword
	aToken
	anIdentity // not needed, but said if it is set
)

// ways returns the mechanisms, the strongest first.
func ways() []way {
	return []way{
		{scramSHA256 + plus, aUser | aPassword | anIdentity, false},
		{scramSHA1 + plus, aUser | aPassword | anIdentity, false},
		{scramSHA256, aUser | aPassword | anIdentity, false},
		{scramSHA1, aUser | aPassword | anIdentity, false},
		{sasl.OAuthBearer, aToken | anIdentity, false},
		{xoauth2, aUser | aToken, false},
		{sasl.Plain, aUser | aPassword | anIdentity, false},
		{sasl.Login, aUser | aPassword, false},
		{cramMD5, aUser | aPassword, true},
		{sasl.External, anIdentity, true},
		{sasl.Anonymous, 0, true},
	}
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
// it is refused.
func (c Credentials) Authenticator() Authenticator {
	ch := &chooser{Credentials: c, scram: make(map[string]*SCRAM), tokens: newTokens(c.Token)}
	if c.Validate() != nil {
		return ch.choose
	}
	for _, w := range ways() {
		named := strings.EqualFold(w.name, c.Mechanism)
		if c.lacks(w) != nil || !named && (w.byName || c.Mechanism != "") {
			continue
		}
		ch.can = append(ch.can, w.name)
		if hash := strings.TrimSuffix(w.name, plus); (hash == scramSHA1 || hash == scramSHA256) && ch.scram[hash] == nil {
			if s, err := c.newSCRAM(hash); err == nil {
				ch.scram[hash] = s
			}
		}
	}
	return ch.choose
}

func (c Credentials) newSCRAM(hash string) (*SCRAM, error) {
	return NewSCRAM(hash, c.UserName, c.Password, c.Identity)
}

// chooser is the Authenticator of Credentials. Only tokens and the SCRAMs
// change, and they look after themselves. Errors are made anew for each call:
// a session writes into its own.
type chooser struct {
	Credentials
	can    []string          // mechanisms, the strongest first
	scram  map[string]*SCRAM // by hash; none where SASLprep failed
	tokens *tokens
}

func (c *chooser) choose(ctx context.Context, mechanisms []string, tls *tls.ConnectionState) (sasl.Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	binding := channelBinding(tls)
	for _, name := range c.can {
		if !slices.Contains(mechanisms, name) || isPlus(name) && !binding.IsSupported() {
			continue
		}
		switch name {
		case sasl.OAuthBearer, xoauth2:
			return c.bearer(ctx, name)
		case sasl.Plain:
			return NewPlain(c.Identity, c.UserName, c.Password)
		case sasl.Login:
			return NewLogin(c.UserName, c.Password)
		case cramMD5:
			return NewCRAMMD5(c.UserName, c.Password)
		case sasl.External:
			return NewExternal(c.Identity)
		case sasl.Anonymous:
			return NewAnonymous(c.UserName)
		}
		hash := strings.TrimSuffix(name, plus)
		shared := c.scram[hash]
		if shared == nil { // no step down: the next mechanism would show the password
			_, err := c.newSCRAM(hash)
			return nil, err
		}
		return shared.client(name, binding, offer(ctx, mechanisms)), nil
	}
	return nil, c.nothing(offer(ctx, mechanisms), mechanisms, tls != nil)
}

func (c *chooser) bearer(ctx context.Context, name string) (sasl.Client, error) {
	token, err := c.tokens.get(ctx)
	if err != nil {
		return nil, err
	}
	drop := func() { c.tokens.drop(token) }
	if name == xoauth2 {
		return newXOAuth2(c.UserName, token, drop), nil
	}
	as := c.Identity
	if as == "" {
		as = c.UserName
	}
	return newOAuthBearer(as, token, c.Host, c.Port, drop), nil
}

// nothing says what was offered, what could have been used, and what to do.
func (c *chooser) nothing(offer, left []string, secure bool) error {
	var b strings.Builder
	b.WriteString("server offers " + list(offer))
	if len(left) < len(offer) {
		b.WriteString(" and has refused some")
	}
	b.WriteString("; these credentials want " + list(c.can))
	if !secure {
		b.WriteString("; with TLS there may be more (SecureExplicit, SecureImplicit)")
	} else if slices.ContainsFunc(left, isPlus) && slices.ContainsFunc(c.can, isPlus) {
		b.WriteString("; -PLUS needs a channel binding, which this TLS connection has not")
	}
	for _, w := range ways() {
		switch {
		case !slices.Contains(left, w.name) || slices.Contains(c.can, w.name):
		case c.Mechanism != "" && c.lacks(w) == nil:
			b.WriteString("; " + w.name + " could do: Mechanism forbids it")
		case w.byName:
			b.WriteString("; " + w.name + " is used only if Mechanism names it")
		case w.needs&aToken != 0 && c.Token == nil:
			b.WriteString("; " + w.name + " needs a Token")
		case w.needs&aPassword != 0 && c.Password == "":
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
