package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// reckoning is one life as its hooks tell it, to be held beside what its server has
// counted.
type reckoning struct {
	// calm says that nothing but a step of the server's ends anything: nobody
	// cancels or closes, and no hook panics.
	calm bool

	attempts int
	failed   map[fsm.State]int // phases
	spoilt   int               // greetings that broke the protocol, though their last line says 2yz
	begun    map[string]int    // commands, by verb
	answered map[string]int    // those with a reply
	reached  map[string]int    // and those that the server must have heard all the same
	unsaid   map[string]int    // those that never were handed to the kernel
	parting  int               // QUITs of an attempt that failed: one write, no scope and no metric
	hanging  bool              // on this connection a command had no reply
}

func newReckoning() *reckoning {
	return &reckoning{failed: map[fsm.State]int{}, begun: map[string]int{}, answered: map[string]int{}, reached: map[string]int{}, unsaid: map[string]int{}}
}

func (l *reckoning) AttemptStart(ctx context.Context, _ events.AttemptStart) context.Context {
	l.attempts++
	l.hanging = false
	return ctx
}

func (l *reckoning) AttemptEnd(_ context.Context, e events.AttemptEnd) {
	if e.Err == nil {
		return
	}
	switch e := asError(e.Err); e.Kind {
	case smtp.KindReply, smtp.KindNoTLS:
		if e.Reply.Code != 421 {
			l.parting++
		}
	default:
	}
}

func (l *reckoning) PhaseStart(ctx context.Context, _ events.PhaseStart) context.Context { return ctx }

func (l *reckoning) PhaseEnd(_ context.Context, e events.PhaseEnd) {
	if e.Err == nil {
		return
	}
	l.failed[e.Phase]++
	if e.Phase == fsm.Greeting && asError(e.Err).Kind == smtp.KindProtocol {
		l.spoilt++
	}
}

func (l *reckoning) CommandStart(ctx context.Context, _ events.CommandStart) context.Context {
	return ctx
}

// CommandEnd sorts the command by what is known of whether the server heard it.
func (l *reckoning) CommandEnd(_ context.Context, e events.CommandEnd) {
	verb := labelOf(e.Verb)
	l.begun[verb]++
	if !e.Reply.IsZero() {
		l.answered[verb]++
		return
	}
	first := !l.hanging
	l.hanging = true
	switch {
	case errors.Is(e.Err, smtp.ErrPanic): // before it was said; the "." left with the content, before its scope
		if verb != "." {
			l.unsaid[verb]++
		}
	case !first: // behind another one in its flight: what a server does that breaks off there nobody knows
	case errors.Is(e.Err, smtp.ErrTimeout), errors.Is(e.Err, smtp.ErrProtocol), l.calm && errors.Is(e.Err, smtp.ErrLost):
		l.reached[verb]++ // it is what the server was silent or wrong about, or what it left at
	}
}

// labelOf is what a metric calls a command.
func labelOf(verb string) string {
	if strings.HasPrefix(verb, "X") {
		return "_OTHER"
	}
	return verb
}

// heard returns the commands that a server heard, by the label of the metric. A
// response to a challenge is one more AUTH there, and the end of DATA's content is
// a command too. No life of these has both DATA and BDAT.
func heard(n smtptest.Counts) map[string]int {
	by := map[string]int{"_OTHER": n.Unknown}
	for verb, count := range n.Commands {
		by[verb] += count
	}
	by["AUTH"] += n.Responses
	if by["BDAT"] == 0 {
		by["."] = n.Contents
	}
	return by
}

// connections is what one life told of its connections.
type connections struct{ dialed, greeted, secured, inside, disconnected int }

func connectionsOf(evs []events.Event) (c connections) {
	fresh := false // TLS stands, and nothing was said inside yet
	for _, e := range evs {
		switch e.Kind() {
		case events.KindDial:
			c.dialed++
		case events.KindGreeting:
			c.greeted++
		case events.KindSecure:
			c.secured++
		case events.KindDisconnect:
			c.disconnected++
		default:
		}
		if said := e.Kind() == events.KindGreeting || e.Kind() == events.KindHello; fresh && said {
			c.inside++
		}
		fresh = e.Kind() == events.KindSecure || fresh && e.Kind() == events.KindStateChange
	}
	return c
}

// bounds are how often a server may have counted something.
type bounds struct{ least, most int }

func (b bounds) plus(o bounds) bounds { return bounds{b.least + o.least, b.most + o.most} }

// err returns an error if got is outside.
func (b bounds) err(what string, got int) error {
	if got < b.least || got > b.most {
		return fmt.Errorf("%s: %d, want %d to %d", what, got, b.least, b.most)
	}
	return nil
}

// connectionBounds returns what the life allows its server to have counted of
// connections, greetings and handshakes.
func (l *reckoning) connectionBounds(c connections) map[string]bounds {
	greetings := c.greeted + l.failed[fsm.Dial] + l.failed[fsm.TLS] + l.failed[fsm.Greeting] // said, and the client had gone or was not pleased
	cut := l.failed[fsm.Dial]                                                                // dialled and not told: the end came between the dial and OnDial
	if l.calm {
		greetings, cut = c.greeted+l.spoilt, 0
	}
	return map[string]bounds{
		"connections": {c.dialed, c.dialed + cut},
		"greetings":   {c.greeted, greetings},
		// A handshake that one side alone finished has an error on the other; nothing can
		// be answered inside before both have.
		"handshakes": {c.inside, c.secured + l.failed[fsm.TLS] + l.failed[fsm.StartTLS]},
	}
}

// commandBounds returns the same of the commands of one verb. One with a reply was
// heard. One without may have been lost: it was written behind another one at which
// the server left, or the connection was cut under it.
func (l *reckoning) commandBounds(verb string) bounds {
	b := bounds{l.answered[verb] + l.reached[verb], l.begun[verb] - l.unsaid[verb]}
	if verb == "QUIT" {
		b.most += l.parting
		if l.calm {
			b.least += l.parting
		}
	}
	return b
}

// contentBounds returns the same of contents. That of an answered "." or BDAT is
// whole; so one that is whole has a "." or BDAT. Each BDAT of these lives is the
// LAST.
func (l *reckoning) contentBounds(n smtptest.Counts) bounds {
	return bounds{l.answered["."] + l.answered["BDAT"], l.begun["."] + n.Commands["BDAT"]}
}

// fates is what became of messages, counted by recipients and by messages.
type fates struct {
	accepted, kept int // messages: of OnMessage, and of the server
	doubtful       int // kept of those that are Unknown
	unknown        int // Unknown
}

// checkFates compares the receipts of a life with the messages that the server
// kept. Each recipient has an address of its own.
func checkFates(evs []events.Event, kept []smtptest.Message) (f fates, wrong error) {
	has := map[string]int{}
	f.kept = len(kept)
	for _, m := range kept {
		for _, to := range m.To {
			has[to]++
		}
	}
	for _, e := range evs {
		e, ok := e.(events.OnMessage)
		if !ok {
			continue
		}
		isKept := false
		for _, to := range e.Receipt.Recipients {
			want := to.Outcome == smtp.Accepted
			isKept = isKept || has[to.Address] > 0
			if n := has[to.Address]; n > 1 || to.Outcome != smtp.Unknown && (n == 1) != want {
				wrong = errors.Join(wrong, fmt.Errorf("%s is %v, and the server kept %d; the error is %v", to.Address, to.Outcome, n, e.Err))
			}
			delete(has, to.Address)
		}
		switch e.Receipt.Outcome {
		case smtp.Accepted:
			f.accepted++
		case smtp.Unknown:
			f.unknown++
			if isKept {
				f.doubtful++
			}
		case smtp.Rejected, smtp.NotSent:
		}
	}
	for to := range has {
		wrong = errors.Join(wrong, fmt.Errorf("the server kept a message for %s, and no OnMessage tells of it", to))
	}
	if f.kept != f.accepted+f.doubtful {
		wrong = errors.Join(wrong, fmt.Errorf("the server kept %d messages, of %d accepted and %d unknown ones", f.kept, f.accepted, f.doubtful))
	}
	return f, wrong
}

// check holds a life beside what its server counted, and adds it to the books.
// dials are the connections that the Dialer returned.
func (l *reckoning) check(t *testing.T, b *books, srv *smtptest.Server, evs []events.Event, dials int, scene string) {
	t.Helper()
	n, c := srv.Counts(), connectionsOf(evs)
	f, wrong := checkFates(evs, srv.Messages())
	near := l.connectionBounds(c)
	wrong = errors.Join(wrong,
		bounds{dials, dials}.err("connections, as the Dialer knows them", n.Connections),
		bounds{n.Connections, n.Connections}.err("ends", n.Closed),
		bounds{c.dialed, c.dialed}.err("OnDisconnect", c.disconnected),
		bounds{f.kept, f.kept}.err("messages", n.Messages),
		near["connections"].err("connections", n.Connections),
		near["greetings"].err("greetings", n.Greetings),
		near["handshakes"].err("handshakes", n.Handshakes),
		l.contentBounds(n).err("contents", n.Contents))
	by := heard(n)
	for verb := range mergeKeys(by, l.begun) {
		wrong = errors.Join(wrong, l.commandBounds(verb).err(verb, by[verb]))
	}
	if wrong != nil {
		var told strings.Builder
		for _, e := range evs {
			fmt.Fprintf(&told, "\n  %s", describe(e))
		}
		t.Errorf("%s, calm %v: %v\ncounts %+v\nhooks %+v\n%s\n%v", scene, l.calm, wrong, n, *l, told.String(), srv.Transcript())
	}
	b.add(l, n, c, f, dials)
}
