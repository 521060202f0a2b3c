package smtptest

import "strings"

// maxSaid is how much of a step's answer is looked at, in octets.
const maxSaid = 64 << 10

// frame is a verb or moment that a step of Config.On answers.
type frame struct {
	usual  func()
	follow func(code int) // nil: nothing follows from the step's reply
	// early: follow before the reply is written, as it concerns content: a chunk
	// is there before its reply, a message is recorded before its reply.
	early  bool
	byHand bool // the step read by itself: Usual is for the line it read
	taken  bool // nothing more follows: by hand, the usual was done, or followed
	answer strings.Builder
}

// said takes note of what the step is about to write.
func (f *frame) said(text string) {
	if room := maxSaid - f.answer.Len(); !f.taken && room > 0 {
		f.answer.WriteString(text[:min(room, len(text))])
	}
	if f.early {
		f.conclude()
	}
}

func (f *frame) conclude() {
	if f.taken || f.follow == nil {
		return
	}
	if code := firstReply(f.answer.String()); code != 0 {
		f.taken = true
		f.follow(code)
	}
}

// play does the step for a verb or moment, or the usual when there is none. When
// the step did nothing but answer, follow gets the code of its first whole
// reply, so that the server goes on as the client has to expect.
func (c *Conn) play(moment string, usual func(), follow func(code int)) {
	step := c.server.cfg.On[moment]
	if step == nil {
		usual()
		return
	}
	f := &frame{usual: usual, follow: follow, early: moment == "CONTENT" || moment == "BDAT"}
	outer := c.frame
	c.frame = f
	step(c)
	c.frame = outer
	f.conclude()
}

// Usual does what the server does by itself at the verb or moment whose step
// runs. After a [Conn.ReadLine], in a step or a script, it answers that line.
func (c *Conn) Usual() {
	f := c.frame
	if f == nil || f.byHand {
		c.usual(c.line)
		return
	}
	f.taken = true
	c.frame = nil // what the usual does is no answer of the step
	f.usual()
	c.frame = f
}

// takeOver is for steps that read by themselves.
func (c *Conn) takeOver() {
	if f := c.frame; f != nil {
		f.byHand, f.taken = true, true
	}
}

// firstReply returns the code of the first whole reply in text; 0: none.
func firstReply(text string) int {
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			return 0
		}
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 3 {
			return 0
		}
		code := 0
		for _, d := range []byte(line[:3]) {
			if d < '0' || d > '9' {
				return 0
			}
			code = code*10 + int(d-'0')
		}
		if len(line) == 3 || line[3] != '-' {
			return code
		}
	}
	return 0
}
