package auth

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/smtp"
)

// Credentials are who a client is and how it shows that. By themselves they
// print without their secrets, for every verb of fmt and in slog; not so in an
// unexported field of another type, where fmt asks no Formatter.
type Credentials struct {
	// UserName and Password are for SCRAM, PLAIN, LOGIN and CRAM-MD5. UserName is
	// also XOAUTH2's user, OAUTHBEARER's if there is no Identity, and ANONYMOUS's
	// trace.
	UserName, Password string
	// Identity is whom to act as (RFC 4422 2); "" is the user. LOGIN, CRAM-MD5,
	// XOAUTH2 and ANONYMOUS cannot say it and are not used with one.
	Identity string
	// Token gives what OAUTHBEARER and XOAUTH2 show.
	Token TokenSource
	// Mechanism is the only one to use, by name in any case; "" is the strongest.
	Mechanism string
	// Host and Port are what OAUTHBEARER calls the server (RFC 7628 3.1); they may
	// be left out.
	Host string
	Port int
}

// Validate returns nil, or an error of KindInvalid that says what is missing or
// unusable. It does no I/O: it does not ask Token.
func (c Credentials) Validate() error {
	for _, text := range []struct{ what, value string }{
		{"UserName", c.UserName}, {"Identity", c.Identity}, {"Host", c.Host},
	} {
		if err := smtp.CheckText(text.what, text.value); err != nil {
			return err
		}
	}
	switch { // a password may have controls
	case !utf8.ValidString(c.Password):
		return smtp.Invalid("Password is not UTF-8")
	case strings.IndexByte(c.Password, 0) >= 0:
		return smtp.Invalid("Password holds a NUL (RFC 4616 2)")
	case c.Port < 0 || c.Port > 65535:
		return smtp.Invalid(fmt.Sprintf("Port is %d: want 1 to 65535, or 0 for none", c.Port))
	case c.Mechanism != "":
		w, ok := wayOf(strings.ToUpper(c.Mechanism))
		if !ok {
			return smtp.Invalid(fmt.Sprintf("Mechanism %.32q is not known: want %s", c.Mechanism, list(names(ways()))))
		}
		return c.lacks(w)
	case c.UserName == "" && (c.Token == nil || c.Password != ""):
		return smtp.Invalid("UserName is missing: authentication needs a user name")
	case c.Password == "" && c.Token == nil:
		return smtp.Invalid("Password is missing, and there is no Token")
	}
	return nil
}

// lacks returns why these credentials cannot go a way. An empty password is no
// password: servers that ask a directory would take it for an anonymous bind
// (RFC 4513 6.3.1).
func (c Credentials) lacks(w way) error {
	var text string
	switch {
	case w.has(needsUser) && c.UserName == "":
		text = "UserName is missing"
	case w.has(needsPassword) && c.Password == "":
		text = "Password is missing"
	case w.has(needsToken) && c.Token == nil:
		text = "Token is missing"
	case !w.has(saysIdentity) && c.Identity != "":
		text = "Identity is set, and the mechanism cannot say it"
	case w.name == sasl.Anonymous && utf8.RuneCountInString(c.UserName) > 255:
		text = "UserName is too long: want at most 255 characters (RFC 4505 2)"
	default:
		return nil
	}
	return smtp.Invalid(w.name + ": " + text)
}

// Format prints the credentials without their secrets, for every verb.
func (c Credentials) Format(f fmt.State, _ rune) { fmt.Fprint(f, "auth.Credentials", c.LogValue()) }

// LogValue returns the credentials without their secrets.
func (c Credentials) LogValue() slog.Value {
	source := "unset"
	if c.Token != nil {
		source = "[redacted]"
	}
	return slog.GroupValue(
		slog.String("user", redact(c.UserName)), slog.String("password", redact(c.Password)), slog.String("identity", redact(c.Identity)),
		slog.String("token", source), slog.String("mechanism", c.Mechanism), slog.String("host", c.Host), slog.Int("port", c.Port),
	)
}
