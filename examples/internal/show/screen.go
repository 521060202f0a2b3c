// Package show turns the events of a session into text for people and into JSON
// lines for programs, for the examples.
package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// View is where the events go: a terminal or JSON lines.
type View interface {
	Show(events.Event)
	End() // after the last event
}

// Screen shows events to people, a line each as they come, and remembers what
// the report at the end tells.
type Screen struct {
	out io.Writer
	Palette
	began    time.Time // the first event
	remember events.Handlers
	falls    waterfall
	progress progress
	facts
}

// facts are what the newest connection and the end of the life brought.
type facts struct {
	hello   *events.OnHello
	secure  *events.OnSecure
	ready   bool
	login   *events.OnAuthenticate
	message *events.OnMessage
	failed  *events.OnError
}

// NewScreen returns a screen on out and writes its title, of which the first line
// is bold.
func NewScreen(out io.Writer, p Palette, title []string) *Screen {
	s := &Screen{out: out, Palette: p}
	s.remember = events.Handlers{
		OnStateChange: s.falls.add,
		OnHello:       func(e events.OnHello) { s.hello = &e },
		OnSecure:      func(e events.OnSecure) { s.secure, s.hello = &e, nil }, // what was said in clear is void
		OnConnect:     func(events.OnConnect) { s.ready = true },
		OnAuthenticate: func(e events.OnAuthenticate) {
			s.login = &e
			s.falls.judge(fsm.Auth, e.Err)
		},
		OnMessage: func(e events.OnMessage) {
			s.message = &e
			s.falls.judge(fsm.Mail, e.Err)
		},
		OnRetry: func(events.OnRetry) { s.facts = facts{} },
		OnError: func(e events.OnError) { s.failed = &e },
	}
	fmt.Fprintf(out, "%s\n\n", p.bold(title[0])+strings.Join(append([]string{""}, title[1:]...), "\n"))
	return s
}

// The columns of an event's line: time, type, detail.
const (
	timeColumn   = 9
	typeColumn   = 14
	detailColumn = timeColumn + 2 + typeColumn + 2
)

// Show prints an event. Longer details go on below themselves. Of the OnProgress
// that follow one another the last one gets a line; where there is colour a bar
// moves until then.
func (s *Screen) Show(e events.Event) {
	if s.began.IsZero() {
		s.began = e.Head().Time
	}
	_ = s.remember.Handle(e)
	if p, ok := e.(events.OnProgress); ok {
		s.progress.take(p)
		if s.on {
			fmt.Fprint(s.out, "\r"+s.begin(p)+s.progress.bar(s.Palette)+"\x1b[K")
		}
		return
	}
	s.settle()
	s.progress.since = e.Head().Time
	s.print(e)
}

// settle gives the last OnProgress its line.
func (s *Screen) settle() {
	last := s.progress.last
	if last == nil {
		return
	}
	if s.on {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
	s.print(*last)
	s.progress = progress{}
}

// begin returns what an event's line begins with.
func (s *Screen) begin(e events.Event) string {
	colour, _ := s.describe(e)
	return fmt.Sprintf("%s  %s  ", s.dim(fmt.Sprintf("%*s", timeColumn, short(e.Head().Time.Sub(s.began)))),
		colour(pad(e.Kind().String(), typeColumn)))
}

func (s *Screen) print(e events.Event) {
	_, detail := s.describe(e)
	var b strings.Builder
	b.WriteString(s.begin(e))
	for i, line := range Wrap(detail, Columns-detailColumn) {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", detailColumn))
		}
		if e.Kind() == events.KindStateChange {
			line = s.dim(line)
		}
		b.WriteString(line + "\n")
	}
	fmt.Fprint(s.out, b.String())
}

// describe returns an event's colour and its detail, escaped.
func (s *Screen) describe(e events.Event) (colour func(string) string, detail string) {
	switch e := e.(type) {
	case events.OnStateChange:
		return s.dim, e.From.String() + " → " + e.To.String()
	case events.OnResolve:
		return s.blue, resolved(e)
	case events.OnDial:
		return s.blue, dialed(e)
	case events.OnGreeting:
		return s.blue, e.Reply.String()
	case events.OnHello:
		return s.blue, greeted(e)
	case events.OnSecure:
		if e.Verdict != nil {
			return s.Yellow, fmt.Sprintf("%s, NOT verified: %s", e.VersionName(), Say(e.Verdict))
		}
		return s.blue, fmt.Sprintf("%s, %s is verified", e.VersionName(), smtp.Escape(e.ServerName))
	case events.OnConnect:
		return s.Green, connected(e)
	case events.OnCommand:
		return s.blue, smtp.Escape(e.Verb) + ": " + e.Reply.String() + Say(e.Err)
	case events.OnAuthenticate:
		if e.Err != nil {
			return s.Red, authenticated(e) + ": " + Say(e.Err)
		}
		return s.Green, "logged in " + authenticated(e) + ": " + e.Reply.String()
	case events.OnRecipient:
		if e.Err != nil {
			return s.Red, smtp.Escape(e.Address) + ": " + Say(e.Err)
		}
		return s.Green, smtp.Escape(e.Address) + ": " + e.Reply.String()
	case events.OnProgress:
		return s.dim, s.progress.sum(e)
	case events.OnMessage:
		if e.Err != nil {
			return s.outcome(e.Receipt.Outcome, e.Err), e.Receipt.Outcome.String() + ": " + Say(e.Err)
		}
		return s.Green, e.Receipt.String()
	case events.OnRetry:
		when := "at once, next address"
		if e.Delay > 0 {
			when = "in " + short(e.Delay)
		}
		return s.Yellow, when + ", after " + Say(e.Err)
	case events.OnTimeout:
		return s.Yellow, Say(e.Err)
	case events.OnCancel:
		return s.Yellow, Say(e.Err)
	case events.OnError:
		return s.Red, Say(e.Err)
	case events.OnDisconnect:
		return s.farewell(e)
	case events.Lagged:
		return s.Yellow, fmt.Sprintf("%d events did not fit into the channel", e.Missed)
	}
	return s.plain, ""
}

func resolved(e events.OnResolve) string {
	host := smtp.Escape(e.Host)
	switch {
	case len(e.Addrs) == 0:
		return "the proxy will look " + host + " up"
	case !e.Queried:
		return host + ", no look-up needed"
	}
	const most = 6
	var addrs []string
	for _, a := range e.Addrs[:min(most, len(e.Addrs))] {
		addrs = append(addrs, smtp.Escape(a.String()))
	}
	text := host + " is " + strings.Join(addrs, ", ")
	if more := len(e.Addrs) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func dialed(e events.OnDial) string {
	text := smtp.Escape(e.Remote) + " from " + smtp.Escape(e.Local)
	if e.Proxy != "" {
		text += ", through " + smtp.Escape(e.Proxy)
	}
	if e.Dials > 1 {
		text += fmt.Sprintf(", the winner of %d dials", e.Dials)
	}
	return text
}

func greeted(e events.OnHello) string {
	text := "as " + smtp.Escape(e.Name)
	if !e.Extended {
		text += ", not Extended"
	}
	n := 0
	for range e.Capabilities.All() {
		n++
	}
	if n == 0 {
		return text + ": " + e.Reply.String()
	}
	if e.Extended {
		text += ", Extended"
	}
	return fmt.Sprintf("%s, %d capabilities", text, n)
}

func connected(e events.OnConnect) string {
	how := "not Extended"
	if e.Extended {
		how = "Extended"
	}
	privacy := "in clear"
	if e.Secure {
		privacy = "in TLS"
	}
	return fmt.Sprintf("ready after %s, %s, %s", short(e.Elapsed), how, privacy)
}

func authenticated(e events.OnAuthenticate) string {
	text := "after " + short(e.Elapsed)
	if e.Mechanism != "" {
		text = "by " + smtp.Escape(e.Mechanism) + " " + text
	}
	return text
}

func (s *Screen) farewell(e events.OnDisconnect) (func(string) string, string) {
	who := "by this side"
	switch e.Reason {
	case events.Local:
	case events.Remote:
		who = "by the server"
	case events.Failure:
		who = "by a fault"
	}
	if e.Err == nil {
		return s.blue, who
	}
	return s.Yellow, who + ": " + Say(e.Err)
}
