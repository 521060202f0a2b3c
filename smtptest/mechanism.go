package smtptest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

// The mechanisms that go-sasl has no name for.
const (
	cramMD5 = "CRAM-MD5"
	xOAuth2 = "XOAUTH2"
)

// builtIn reports whether the server can play a mechanism by itself.
func builtIn(name string) bool {
	switch name {
	case sasl.Plain, sasl.Login, cramMD5, sasl.OAuthBearer, xOAuth2, sasl.External, sasl.Anonymous:
		return true
	}
	_, _, ok := scramOf(name)
	return ok
}

// completeMechanisms fills in what Mechanisms left out, and refuses a name that
// means nothing.
func (cfg *Config) completeMechanisms() error {
	if cfg.Mechanisms == nil {
		if cfg.Users != nil {
			cfg.Mechanisms = append(cfg.Mechanisms, sasl.Plain, sasl.Login)
		}
		if cfg.Tokens != nil {
			cfg.Mechanisms = append(cfg.Mechanisms, sasl.OAuthBearer, xOAuth2)
		}
		return nil
	}
	cfg.Mechanisms = slices.Clone(cfg.Mechanisms)
	for i, name := range cfg.Mechanisms {
		name = strings.ToUpper(name)
		if cfg.Auth[name] == nil && !builtIn(name) {
			return fmt.Errorf("smtptest: unknown mechanism %q", name)
		}
		cfg.Mechanisms[i] = name
	}
	return nil
}

// mechanisms returns the mechanisms to offer now, sorted.
func (c *Conn) mechanisms() []string {
	cfg := &c.server.cfg
	names := slices.Collect(maps.Keys(cfg.Auth))
	for _, name := range cfg.Mechanisms {
		if !c.wantsTLS(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// wantsTLS reports whether a built-in mechanism has to wait for TLS: it shows
// its secret to everybody on the way, or binds to a channel.
func (c *Conn) wantsTLS(name string) bool {
	if _, secure := c.TLS(); secure {
		return false
	}
	switch name {
	case sasl.Plain, sasl.Login, sasl.OAuthBearer, xOAuth2:
		return !c.server.cfg.AuthInClear
	}
	return isPlus(name)
}

// mechanism makes the server's side of one that is offered; nil: it is not.
func (c *Conn) mechanism(name string) sasl.Server {
	offered := c.mechanisms()
	if !slices.Contains(offered, name) {
		return nil
	}
	if own := c.server.cfg.Auth[name]; own != nil {
		return own(c)
	}
	switch name {
	case sasl.Plain:
		return sasl.NewPlainServer(c.checkPlain)
	case sasl.Login:
		return &loginServer{check: c.checkPassword}
	case cramMD5:
		return &cramServer{conn: c, challenge: newCRAMChallenge(c.server.cfg.Name)}
	case sasl.OAuthBearer:
		return &oauthServer{parse: parseOAuthBearer, check: c.checkToken, failure: oauthBearerFailure}
	case xOAuth2:
		return &oauthServer{parse: parseXOAuth2, check: c.checkToken, failure: xOAuth2Failure}
	case sasl.External:
		return sasl.NewExternalServer(c.checkExternal)
	case sasl.Anonymous:
		return sasl.NewAnonymousServer(func(string) error { c.SetUser("anonymous"); return nil })
	}
	return newSCRAMServer(c, name, slices.ContainsFunc(offered, isPlus))
}
