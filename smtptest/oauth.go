package smtptest

import (
	"crypto/subtle"
	"errors"
	"maps"
	"slices"
	"strings"
)

// What a wrong token is answered with, before the 535.
const (
	oauthBearerFailure = `{"status":"invalid_token","schemes":"bearer","scope":"smtp"}`
	xOAuth2Failure     = `{"status":"400","schemes":"Bearer","scope":"smtp"}`
)

var errOAuthGrammar = errors.New("smtptest: no response of this mechanism")

// oauthServer is the server's side of OAUTHBEARER (RFC 7628) and XOAUTH2. A
// wrong token gets a last challenge that says why, and whatever the client
// answers, then 535; what does not parse gets 535 at once.
type oauthServer struct {
	parse   func(response string) (user, token string, err error)
	check   func(user, token string) error
	failure string
	refused error
}

func (s *oauthServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case s.refused != nil:
		return nil, true, s.refused
	case response == nil:
		return nil, false, nil // the client speaks first
	}
	user, token, err := s.parse(string(response))
	if err != nil {
		return nil, false, err
	}
	if s.refused = s.check(user, token); s.refused != nil {
		return []byte(s.failure), false, nil
	}
	return nil, true, nil
}

// checkToken checks a user's token. Without a user, which RFC 7628 allows, it
// is whose token this is, the first in the order of names.
func (c *Conn) checkToken(user, token string) error {
	tokens := c.server.cfg.Tokens
	users := []string{user}
	if user == "" {
		users = slices.Sorted(maps.Keys(tokens))
	}
	for _, user := range users {
		want, ok := tokens[user]
		if ok && subtle.ConstantTimeCompare([]byte(want), []byte(token)) == 1 {
			c.SetUser(user)
			return nil
		}
	}
	return errCredentials
}

// parseOAuthBearer reads a client's response: the GS2 header of RFC 5801
// without channel binding, then key=value pairs (RFC 7628, section 3.1).
func parseOAuthBearer(response string) (user, token string, err error) {
	header, pairs, ok := strings.Cut(response, "\x01")
	flag, rest, _ := strings.Cut(header, ",")
	name, ended := strings.CutSuffix(rest, ",")
	if !ok || !ended || flag != "n" && flag != "y" {
		return "", "", errOAuthGrammar
	}
	if name != "" {
		if user, ok = gs2Name(name); !ok {
			return "", "", errOAuthGrammar
		}
	}
	pairs, ok = strings.CutSuffix(pairs, "\x01\x01")
	if !ok {
		return "", "", errOAuthGrammar
	}
	for pair := range strings.SplitSeq(pairs, "\x01") {
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			return "", "", errOAuthGrammar
		case key == "auth":
			token, err = bearer(value)
		}
	}
	if token == "" {
		err = errOAuthGrammar
	}
	return user, token, err
}

// gs2Name reads "a=" and a name, in which "=2C" is a comma, "=3D" an equals
// sign, and neither stands for itself (RFC 5801, section 4).
func gs2Name(field string) (string, bool) {
	escaped, ok := strings.CutPrefix(field, "a=")
	name := strings.NewReplacer("=2C", ",", "=3D", "=").Replace(escaped)
	bare := strings.NewReplacer("=2C", "", "=3D", "").Replace(escaped)
	return name, ok && name != "" && !strings.ContainsAny(bare, "=,")
}

// parseXOAuth2 reads a client's response, of which only Google's documentation
// speaks.
func parseXOAuth2(response string) (user, token string, err error) {
	name, value, _ := strings.Cut(response, "\x01auth=")
	user, named := strings.CutPrefix(name, "user=")
	value, ended := strings.CutSuffix(value, "\x01\x01")
	if !named || user == "" || !ended {
		return "", "", errOAuthGrammar
	}
	token, err = bearer(value)
	return user, token, err
}

// bearer returns the token of "Bearer token"; the scheme's case does not matter.
func bearer(value string) (string, error) {
	scheme, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" || strings.ContainsAny(token, " \x00\x01") {
		return "", errOAuthGrammar
	}
	return token, nil
}
