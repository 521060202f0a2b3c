package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// Flight says how much of a message travels before its answers are awaited.
type Flight uint8

// The flights. What the server has not offered (PIPELINING, RFC 2920; CHUNKING,
// RFC 3030) makes more of them.
const (
	// Envelope sends MAIL and every RCPT in one write and the content after their
	// answers: two round trips. Not an octet of content leaves before a recipient
	// is accepted.
	Envelope Flight = iota
	// Full sends MAIL, RCPT and the content of up to 64 KiB by BDAT LAST in one
	// write, one round trip, where the server offers both extensions and one
	// refusal means no more than that this recipient is left out.
	//
	// The risk: a server that refuses the BDAT and does not read over its content
	// takes the content for commands (go-smtp before 0.25.1). And where a server
	// says a reply too many, the answer to the content cannot be told from those
	// before it. Use it for servers whose software is known.
	Full
	// Single sends one command at a time, for servers that offer PIPELINING and
	// do it badly.
	Single
)

// String returns "envelope", "full" or "single".
func (f Flight) String() string {
	switch f {
	case Envelope:
		return "envelope"
	case Full:
		return "full"
	case Single:
		return "single"
	}
	return fmt.Sprintf("Flight(%d)", uint8(f))
}

// maxUnanswered is how many octets of commands may be on their way before the
// answers are read: two ends that both only write stop each other (RFC 2920
// 3.1).
const maxUnanswered = 4 << 10

// command is one that has no answer yet.
type command struct {
	verb  string
	last  bool            // the end of the content: "." or BDAT LAST
	to    int             // of RCPT: which recipient
	end   int             // where its line ends in the flight's octets
	scope context.Context // what CommandStart returned
}

// flight is command lines, and the answers that are due for them in their order.
type flight struct {
	out []byte
	due []command
}

func (f *flight) empty() { f.out, f.due = f.out[:0], f.due[:0] }

// line adds a command whose line has been appended to out.
func (f *flight) line(verb string, to int) {
	f.out = append(f.out, "\r\n"...)
	f.due = append(f.due, command{verb: verb, to: to, end: len(f.out)})
}

func (f *flight) say(line string) {
	f.out = append(f.out, line...)
	f.line(line, 0)
}

// begun opens the scope of a command. Where a hook panics the command is not said
// and its scope is closed again.
func (a *actor) begun(ctx context.Context, c *command) (err error) {
	c.scope, err = a.s.hooks.CommandStart(ctx, events.CommandStart{Session: a.s.id, Verb: c.verb})
	if err != nil { // a hook panicked, and those before it have begun
		a.answered(c, smtp.Reply{}, err)
	}
	return err
}

// answered closes the scope of a command, with its reply or with why there is none. A
// scope that is not open is left alone.
func (a *actor) answered(c *command, r smtp.Reply, err error) {
	if c.scope == nil {
		return
	}
	if err == nil && !r.Intermediate() {
		err = refusal(r)
	}
	a.hookErr = errors.Join(a.hookErr, a.s.hooks.CommandEnd(c.scope, events.CommandEnd{Verb: c.verb, Reply: r, Err: err}))
	c.scope = nil
}

// depart opens the scopes of commands and writes them.
func (a *actor) depart(ctx context.Context, d *delivery, group []command, lines []byte, content [][]byte) error {
	for i := range group {
		if err := a.begun(ctx, &group[i]); err != nil {
			a.unanswered(group, err)
			return err
		}
	}
	var err error
	if a.quiet() {
		d.receipt.Flights++
		err = a.write(lines, content)
	} else {
		err = a.goodbye()
	}
	if err == nil {
		return nil
	}
	a.unanswered(group, err)
	return named(err, group[0].verb)
}

// unanswered closes the scopes of commands that get no answer.
func (a *actor) unanswered(group []command, err error) {
	for i := range group {
		a.answered(&group[i], smtp.Reply{}, err)
	}
}

// quiet reports that the server has said nothing unasked.
func (a *actor) quiet() bool { return a.conn.Quiet() && a.conn.Buffered() == 0 }

// goodbye returns what the server has said unasked between two commands: its
// goodbye, or a broken protocol. It is about the connection, and no answer that
// refuses a message.
func (a *actor) goodbye() error {
	e := asError(a.unsolicited())
	if e.Kind == smtp.KindReply {
		a.note(e.Reply)
		e.Permanent = false // another connection may do
	}
	return e
}

// write writes lines of a flight, and what of the content goes with them.
func (a *actor) write(lines []byte, content [][]byte) error {
	pieces := append(append(a.mailing.pieces[:0], lines), content...)
	a.mailing.pieces = pieces
	pace := a.pace()
	if content == nil {
		pace.Rate = 0
	}
	_, err := a.conn.WritePieces(pieces, pace)
	return err
}

// pace returns the limits of one write: Block, MinRate and its credit. It is good
// until the next call.
func (a *actor) pace() *transport.Pace {
	p := &a.mailing.pace
	*p = transport.Pace{Block: a.plan.timeouts.Block, Rate: a.s.config.MinRate, Credit: a.mailing.body.credit}
	return p
}

// hear reads the answer to a command. An error is that of the connection or of
// the protocol, and 421, after which the server answers nothing more.
func (a *actor) hear(c *command) (smtp.Reply, error) {
	r, err := a.listen(c)
	a.answered(c, r, err)
	return r, err
}

// listen is hear without the end of the command's scope.
func (a *actor) listen(c *command) (smtp.Reply, error) {
	r, err := a.conn.ReadReply(a.limit(c), true)
	r, err = a.hide(r, err)
	if err != nil {
		return r, named(err, c.verb)
	}
	a.note(r)
	if r.Code == 421 {
		return r, named(refusal(r), c.verb)
	}
	return r, nil
}

// limit returns the wait for the answer to a command.
func (a *actor) limit(c *command) time.Duration {
	t := &a.plan.timeouts
	if c.last {
		return t.End
	}
	switch c.verb {
	case "MAIL":
		return t.Mail
	case "RCPT":
		return t.Rcpt
	case "DATA":
		return t.Data
	case "BDAT":
		return t.Chunk
	}
	return t.Command
}

// named puts the command's name into an error.
func named(err error, verb string) error {
	e := asError(err)
	if e.Command == "" {
		e.Command = verb
	}
	return e
}
