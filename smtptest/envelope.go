package smtptest

import "strings"

// maxRecipients is where 452 begins (RFC 5321, section 4.5.3.1.8 wants 100).
const maxRecipients = 1000

// envelope is a transaction from MAIL to the end of its content.
type envelope struct {
	from     string
	params   []string
	to       []string
	toParams [][]string
	content  []byte
	size     int64 // of the content, that over the limit too
	chunked  bool  // a BDAT was seen
	failed   bool  // a BDAT was refused: only RSET helps
}

func (e *envelope) add(to string, params []string) {
	if len(e.to) < maxRecipients {
		e.to = append(e.to, to)
		e.toParams = append(e.toParams, params)
	}
}

// has reports whether MAIL had a parameter.
func (e *envelope) has(param string) bool {
	for _, p := range e.params {
		if strings.EqualFold(p, param) {
			return true
		}
	}
	return false
}

func (c *Conn) mail(args string) {
	from, params, ok := parsePath(args, "FROM")
	switch {
	case !c.session.hello:
		c.answer(503, "5.1", "EHLO first")
	case c.session.envelope != nil:
		c.answer(503, "5.1", "a transaction is open")
	case !ok:
		c.answer(501, "5.4", "MAIL FROM:<address> is expected")
	default:
		e := &envelope{from: from, params: params}
		if c.refusesParams("MAIL", params) || c.refusesAddress(e, from) || c.refusesSize(params) {
			return
		}
		c.session.envelope = e
		c.answer(250, "1.0", "sender ok")
	}
}

func (c *Conn) rcpt(args string) {
	e := c.session.envelope
	to, params, ok := parsePath(args, "TO")
	switch {
	case e == nil:
		c.answer(503, "5.1", "MAIL first")
	case e.chunked:
		c.answer(503, "5.1", "content has begun")
	case !ok || to == "":
		c.answer(501, "5.4", "RCPT TO:<address> is expected")
	case c.refusesParams("RCPT", params) || c.refusesAddress(e, to):
	case len(e.to) >= maxRecipients:
		c.answer(452, "5.3", "too many recipients")
	default:
		e.add(to, params)
		c.answer(250, "1.5", "recipient ok")
	}
}

// parameterKeyword says which EHLO keyword permits a parameter of MAIL or
// RCPT. Another parameter has to be offered under its own name.
func parameterKeyword(verb, name string) string {
	switch verb + " " + name {
	case "MAIL BODY":
		return "8BITMIME"
	case "MAIL RET", "MAIL ENVID", "RCPT NOTIFY", "RCPT ORCPT":
		return "DSN"
	case "MAIL HOLDFOR", "MAIL HOLDUNTIL":
		return "FUTURERELEASE"
	case "MAIL BY":
		return "DELIVERBY"
	}
	return name
}

func (c *Conn) refusesParams(verb string, params []string) bool {
	for _, p := range params {
		name, _, _ := strings.Cut(p, "=")
		if !c.offers(parameterKeyword(verb, strings.ToUpper(name))) {
			c.answer(555, "5.4", "parameter not offered")
			return true
		}
	}
	return false
}

// refusesAddress refuses more than ASCII without SMTPUTF8 (RFC 6531).
func (c *Conn) refusesAddress(e *envelope, address string) bool {
	if e.has("SMTPUTF8") || strings.IndexFunc(address, func(r rune) bool { return r > 127 }) < 0 {
		return false
	}
	c.answer(553, "6.7", "SMTPUTF8 is needed")
	return true
}

// refusesSize refuses what is announced as too large (RFC 1870).
func (c *Conn) refusesSize(params []string) bool {
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(name, "SIZE") {
			continue
		}
		n, ok := parseCount(value)
		if !ok {
			c.answer(501, "5.4", "SIZE=octets is expected")
			return true
		}
		if n > c.server.cfg.MaxMessage {
			c.answer(552, "3.4", "message too large")
			return true
		}
	}
	return false
}

// parsePath takes the argument of MAIL or RCPT apart: "FROM:<a@b> SIZE=1". The
// address is what stands between the brackets, quotes and all.
func parsePath(args, word string) (address string, params []string, ok bool) {
	if len(args) <= len(word) || !strings.EqualFold(args[:len(word)], word) || args[len(word)] != ':' {
		return "", nil, false
	}
	rest := strings.TrimLeft(args[len(word)+1:], " ")
	if !strings.HasPrefix(rest, "<") {
		return "", nil, false
	}
	quoted := false
	for i := 1; i < len(rest); i++ {
		switch ch := rest[i]; {
		case ch < ' ' || ch == 127:
			return "", nil, false
		case quoted && ch == '\\':
			i++
		case ch == '"':
			quoted = !quoted
		case ch == '>' && !quoted:
			after := rest[i+1:]
			if after != "" && after[0] != ' ' {
				return "", nil, false
			}
			return rest[1:i], strings.Fields(after), true
		}
	}
	return "", nil, false
}
