package session

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/ehlo-go/ehlo/smtp"
)

// secrets are what a login has said, in the forms in which a server may repeat
// it. They are kept while the connection stands.
type secrets struct {
	forms []string
	fresh bool // the login is under way: pieces of them count too
}

// notShown stands for what a server says of a secret.
const notShown = "[not shown: it repeats what AUTH has sent]"

// piece is how many octets of a secret, in a row, are not shown.
const piece = 8

// unquoted takes out what quoting, and the ends of lines, put into a text.
var unquoted = strings.NewReplacer("\n", "", "\r", "", `\`, "")

// keep remembers a response of a mechanism and the secret in it.
func (s *secrets) keep(mechanism string, first bool, response []byte) {
	secret := secretOf(mechanism, first, string(response))
	if secret == "" {
		return
	}
	s.forms = append(s.forms, base64.StdEncoding.EncodeToString(response))
	for _, text := range []string{secret, string(response)} {
		s.forms = append(s.forms, base64.StdEncoding.EncodeToString([]byte(text)),
			base64.URLEncoding.EncodeToString([]byte(text)), hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))))
	}
	for _, text := range []string{secret, strings.Trim(strconv.Quote(secret), `"`), smtp.Escape(secret)} {
		s.forms = append(s.forms, unquoted.Replace(text))
	}
}

// secretOf returns the part of a response that nobody may see: not the user, whom
// a server may well name. first says that nothing was said before.
func secretOf(mechanism string, first bool, response string) string {
	switch {
	case mechanism == "PLAIN":
		return response[strings.LastIndexByte(response, 0)+1:]
	case mechanism == "LOGIN" && first, mechanism == "EXTERNAL", mechanism == "ANONYMOUS":
		return ""
	case strings.HasPrefix(mechanism, "SCRAM-"):
		_, proof, _ := strings.Cut(response, ",p=") // there is none in the first
		return proof
	case mechanism == "CRAM-MD5":
		return response[strings.LastIndexByte(response, ' ')+1:]
	}
	if _, bearer, ok := strings.Cut(response, "auth=Bearer "); ok {
		token, _, _ := strings.Cut(bearer, "\x01")
		return token
	}
	return response
}

// shows reports whether a text of the server's repeats a secret.
func (s *secrets) shows(text string) bool {
	text = unquoted.Replace(text)
	for _, form := range s.forms {
		if strings.Contains(text, form) && (len(form) >= piece || word(text, form)) {
			return true
		}
		for i := 0; s.fresh && i+piece <= len(text) && len(form) >= piece; i++ {
			if strings.Contains(form, text[i:i+piece]) {
				return true
			}
		}
	}
	return false
}

// word reports whether a short secret stands in a text by itself: within another
// word it tells nothing.
func word(text, secret string) bool {
	letter := func(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c > 127 }
	for from := 0; ; {
		i := strings.Index(text[from:], secret)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(secret)
		if (i == 0 || !letter(text[i-1])) && (end == len(text) || !letter(text[end])) {
			return true
		}
		from = i + 1
	}
}

// hide takes out of a reply, and of an error that quotes one, what is part of a
// login: challenges, and what the server repeats of our secrets.
func (a *actor) hide(r smtp.Reply, err error) (smtp.Reply, error) {
	if a.secrets == nil {
		return r, err
	}
	a.hideReply(&r)
	if e, ok := errors.AsType[*smtp.Error](err); ok {
		a.hideReply(&e.Reply)
		e.Err = a.hidden(e.Err)
	}
	return r, err
}

func (a *actor) hideReply(r *smtp.Reply) {
	switch {
	case a.secrets.fresh && r.Code == 334:
		r.Text = ""
	case a.secrets.shows(r.Text):
		r.Text = notShown
	}
}

// hidden returns err, or another if its text repeats a secret.
func (a *actor) hidden(err error) error {
	if err != nil && a.secrets.shows(err.Error()) {
		return errors.New(notShown)
	}
	return err
}

// unsolicited reads what the server said unasked.
func (a *actor) unsolicited() *smtp.Error {
	e := a.conn.ReadUnsolicited(a.plan.timeouts.Line)
	_, _ = a.hide(smtp.Reply{}, e)
	return e
}
