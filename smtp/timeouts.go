package smtp

import (
	"fmt"
	"slices"
	"time"
)

// Timeouts are the waits of a session, one absolute deadline per reply. In a
// configuration zero means "as usual" and a negative value is an invalid
// argument; in what [Timeouts.Effective] returns zero means "no limit".
// The usual values are those of [TimeoutTable]; TABLES.md is made from it.
type Timeouts struct {
	Resolve  time.Duration // both address families together
	Dial     time.Duration // all addresses together
	TLS      time.Duration // one handshake
	Greeting time.Duration
	Hello    time.Duration // EHLO, HELO, LHLO
	StartTLS time.Duration
	Auth     time.Duration // one step
	Mail     time.Duration
	Rcpt     time.Duration
	Data     time.Duration // the 354 to DATA
	Block    time.Duration // one block of content being written
	Chunk    time.Duration // the reply to BDAT without LAST
	End      time.Duration // the reply to the final dot or to BDAT LAST
	Command  time.Duration // any other command
	Quit     time.Duration
	Line     time.Duration // one more line of a reply that has begun
}

// TimeoutRow is a row of the table of timeouts.
type TimeoutRow struct {
	Name   string // of the field in Timeouts
	Usual  time.Duration
	Covers string
	Source string // where the value comes from
}

// TimeoutTable returns the usual value of every timeout, in the order of the
// fields of [Timeouts].
func TimeoutTable() []TimeoutRow { return slices.Clone(timeoutTable[:]) }

const rfcTimeouts = "RFC 5321 4.5.3.2"

var timeoutTable = [...]TimeoutRow{
	{"Resolve", 30 * time.Second, "the look-ups of A and AAAA together", "ehlo"},
	{"Dial", 30 * time.Second, "TCP, all addresses together, and a proxy's answer", "ehlo"},
	{"TLS", 60 * time.Second, "one TLS handshake", "ehlo"},
	{"Greeting", 5 * time.Minute, "the server's first reply", rfcTimeouts + ".1"},
	{"Hello", 5 * time.Minute, "the reply to EHLO, HELO or LHLO", rfcTimeouts},
	{"StartTLS", 2 * time.Minute, "the reply to STARTTLS", "ehlo"},
	{"Auth", 5 * time.Minute, "each reply of AUTH", "ehlo"},
	{"Mail", 5 * time.Minute, "the reply to MAIL", rfcTimeouts + ".2"},
	{"Rcpt", 5 * time.Minute, "the reply to RCPT", rfcTimeouts + ".3"},
	{"Data", 2 * time.Minute, "the reply to DATA", rfcTimeouts + ".4"},
	{"Block", 3 * time.Minute, "one block of content, while it is written", rfcTimeouts + ".5"},
	{"Chunk", 2 * time.Minute, "the reply to BDAT without LAST", "ehlo"},
	{"End", 10 * time.Minute, "the reply to the final dot or to BDAT LAST", rfcTimeouts + ".6"},
	{"Command", 5 * time.Minute, "the reply to any other command", rfcTimeouts},
	{"Quit", 5 * time.Second, "the reply to QUIT", "ehlo"},
	{"Line", 60 * time.Second, "one more line of a reply that has begun", "ehlo"},
}

// fields returns the timeouts in the order of TimeoutTable.
func (t *Timeouts) fields() []*time.Duration {
	return []*time.Duration{
		&t.Resolve, &t.Dial, &t.TLS, &t.Greeting, &t.Hello, &t.StartTLS, &t.Auth, &t.Mail,
		&t.Rcpt, &t.Data, &t.Block, &t.Chunk, &t.End, &t.Command, &t.Quit, &t.Line,
	}
}

// Validate refuses a negative timeout.
func (t Timeouts) Validate() error {
	for i, d := range t.fields() {
		if *d < 0 {
			return Invalid(fmt.Sprintf("Timeouts.%s is %v: want 0 (as usual) or more", timeoutTable[i].Name, *d))
		}
	}
	return nil
}

// Effective returns the waits that hold: a value set in t wins, else general
// (the Timeout of a call or of the configuration; given tells whether there is
// one, and 0 then means no limit), else the table. Zero in the result means no
// limit.
//
// Two waits do not follow general downwards or upwards: the reply to the end of
// the content is never shortened by it (a timeout there makes duplicates), and
// QUIT and a further line of a reply are never lengthened.
func (t Timeouts) Effective(general time.Duration, given bool) Timeouts {
	for i, d := range t.fields() {
		if *d != 0 {
			continue
		}
		usual := timeoutTable[i].Usual
		*d = usual
		if !given {
			continue
		}
		switch d {
		case &t.End:
			if general == 0 || general > usual {
				*d = general
			}
		case &t.Quit, &t.Line:
			if general != 0 && general < usual {
				*d = general
			}
		default:
			*d = general
		}
	}
	return t
}
