package smtptest

import (
	"slices"
	"strconv"
	"strings"
)

// session is what EHLO, AUTH and MAIL have built up; STARTTLS forgets it.
type session struct {
	hello    bool     // EHLO, HELO or LHLO was answered 2yz
	offered  []string // keywords in upper case, with their parameters; none after HELO
	authed   bool
	user     string
	envelope *envelope // nil outside a transaction
}

// run is the life of a connection's goroutine.
func (c *Conn) run() {
	defer c.server.forget(c)
	if script := c.server.cfg.Script; script != nil {
		script(c)
	} else {
		c.play("CONNECT", func() {}, nil)
		c.begin()
		c.commands()
	}
	c.Close()
	c.linger()
}

// Serve goes on with the usual conversation until it ends, steps of Config.On
// included. From a script that has written nothing yet that means implicit TLS,
// where it is due, and the greeting; else the next command.
func (c *Conn) Serve() {
	c.mu.Lock()
	spoken := c.spoken || c.tls != nil
	c.mu.Unlock()
	if !spoken {
		c.begin()
	}
	c.commands()
}

func (c *Conn) begin() {
	if c.server.cfg.Mode == Implicit && !c.isClosed() {
		c.play("TLS", c.usualTLS, nil)
	}
	if !c.isClosed() {
		c.play("GREETING", c.greet, c.countGreeting)
	}
}

func (c *Conn) greet() {
	const code = 220
	c.countGreeting(code)
	c.Reply(code, c.server.cfg.Name+" "+c.protocol()+" smtptest")
}

func (c *Conn) protocol() string {
	if c.server.cfg.LMTP {
		return "LMTP"
	}
	return "ESMTP"
}

func (c *Conn) usualTLS() { c.StartTLS() }

func (c *Conn) commands() {
	for !c.isClosed() {
		line, answer, err := c.readLine()
		switch {
		case err == ErrLineTooLong:
			c.answer(500, "5.2", "line too long")
		case err != nil:
			return
		case answer: // to a 334 that a step said
			c.answer(501, "7.0", "no authentication under way")
		default:
			c.line = line
			c.play(verbOf(line), func() { c.usual(line) }, func(code int) { c.follow(line, code) })
		}
	}
}

func verbOf(line string) string {
	verb, _, _ := strings.Cut(line, " ")
	return strings.ToUpper(verb)
}

func argsOf(line string) string {
	_, args, _ := strings.Cut(line, " ")
	return strings.TrimSpace(args)
}

// knows reports whether a verb means something here.
func (c *Conn) knows(verb string) bool {
	switch verb {
	case "EHLO", "HELO", "LHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT",
		"RSET", "VRFY", "EXPN", "HELP", "NOOP", "QUIT":
		return true
	}
	_, ok := c.server.cfg.On[verb]
	return ok
}

// usual does what the server does by itself with a command.
func (c *Conn) usual(line string) {
	args := argsOf(line)
	switch verb := verbOf(line); verb {
	case "EHLO", "HELO", "LHLO":
		c.hello(verb, args)
	case "STARTTLS":
		c.startTLS(args)
	case "AUTH":
		c.auth(args)
	case "MAIL":
		c.mail(args)
	case "RCPT":
		c.rcpt(args)
	case "DATA":
		c.data(args)
	case "BDAT":
		c.bdat(args)
	case "RSET":
		if c.bare(args) {
			c.session.envelope = nil
			c.answer(250, "0.0", "forgotten")
		}
	case "VRFY":
		c.answer(252, "1.5", "send some mail, we will try")
	case "HELP":
		c.answer(214, "0.0", "see RFC 5321")
	case "NOOP":
		c.answer(250, "0.0", "ok")
	case "QUIT":
		if c.bare(args) {
			c.answer(221, "0.0", "bye")
			c.Close()
		}
	case "EXPN":
		c.answer(502, "5.1", "not implemented")
	default:
		c.answer(500, "5.2", "unknown command")
	}
}

// bare refuses arguments where there are none to be.
func (c *Conn) bare(args string) bool {
	if args != "" {
		c.answer(501, "5.4", "no arguments here")
	}
	return args == ""
}

// follow goes on after a step's own reply to a command.
func (c *Conn) follow(line string, code int) {
	done := code/100 == 2
	args := argsOf(line)
	s := &c.session
	switch verb := verbOf(line); {
	case verb == "DATA" && code == 354:
		c.readData()
	case verb == "BDAT" && code != 500 && code != 502:
		c.followChunk(args, done)
	case !done || c.isClosed():
	case verb == "EHLO" || verb == "HELO" || verb == "LHLO":
		c.greeted(verb)
	case verb == "STARTTLS" && code == 220:
		c.upgrade()
	case verb == "AUTH":
		s.authed = true
	case verb == "MAIL":
		from, params, _ := parsePath(args, "FROM")
		s.envelope = &envelope{from: from, params: params}
	case verb == "RCPT" && s.envelope != nil:
		to, params, _ := parsePath(args, "TO")
		s.envelope.add(to, params)
	case verb == "RSET":
		s.envelope = nil
	case verb == "QUIT":
		c.Close()
	}
}

func (c *Conn) hello(verb, name string) {
	switch {
	case (verb == "LHLO") != c.server.cfg.LMTP: // RFC 2033, section 4.1
		c.answer(500, "5.1", "not the greeting of this protocol")
		return
	case name == "":
		c.answer(501, "5.4", "who are you?")
		return
	}
	c.greeted(verb)
	if verb == "HELO" {
		c.Reply(250, c.server.cfg.Name)
		return
	}
	c.Reply(250, append([]string{c.server.cfg.Name + " greets you"}, c.keywords()...)...)
}

// greeted is what EHLO, HELO and LHLO change: they also reset (RFC 5321, section
// 4.1.4).
func (c *Conn) greeted(verb string) {
	s := &c.session
	s.hello, s.offered, s.envelope = true, nil, nil
	if verb != "HELO" {
		for _, k := range c.keywords() {
			s.offered = append(s.offered, strings.ToUpper(k))
		}
	}
}

// keywords returns the lines of EHLO's answer that apply now.
func (c *Conn) keywords() []string {
	cfg := &c.server.cfg
	list := cfg.Keywords
	_, secure := c.TLS()
	if secure && cfg.KeywordsTLS != nil {
		list = cfg.KeywordsTLS
	}
	if list == nil {
		list = []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN",
			"SIZE " + strconv.FormatInt(cfg.MaxMessage, 10)}
	}
	list = slices.Clone(list)
	if cfg.Mode == StartTLS && !secure {
		list = append(list, "STARTTLS")
	}
	if mechs := c.mechanisms(); len(mechs) > 0 && !slices.ContainsFunc(list, isAuth) {
		list = append(list, "AUTH "+strings.Join(mechs, " "))
	}
	return list
}

// isAuth reports whether a line of EHLO's answer is AUTH, or "AUTH=…", which some
// servers say for old clients.
func isAuth(line string) bool {
	word, _, _ := strings.Cut(strings.ToUpper(line), " ")
	return word == "AUTH" || strings.HasPrefix(word, "AUTH=")
}

// offers reports whether the last EHLO offered a keyword.
func (c *Conn) offers(keyword string) bool {
	return slices.ContainsFunc(c.session.offered, func(k string) bool {
		word, _, _ := strings.Cut(k, " ")
		return word == keyword
	})
}

func (c *Conn) startTLS(args string) {
	_, secure := c.TLS()
	switch {
	case secure:
		c.answer(503, "5.1", "already within TLS")
	case c.server.cfg.Mode != StartTLS:
		c.answer(502, "5.1", "not implemented")
	case c.bare(args):
		c.answer(220, "0.0", "go ahead")
		c.upgrade()
	}
}

// upgrade is what comes behind STARTTLS's 220.
func (c *Conn) upgrade() {
	c.forgetClear()
	c.play("TLS", c.usualTLS, nil)
}

// forgetClear writes out what waits and discards what the client sent ahead in
// clear, which must never be obeyed.
func (c *Conn) forgetClear() error {
	err := c.flush()
	if n := c.r.Buffered(); n > 0 {
		c.note("discarded %d octets in clear", n)
		c.r.Discard(n)
	}
	return err
}
