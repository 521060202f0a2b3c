package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
)

// screen shows events to people, a line each as they come, and remembers what
// the report at the end tells.
type screen struct {
	out io.Writer
	palette
	began    time.Time // the first event
	remember events.Handlers
	falls    waterfall
	facts
}

// facts are what the newest connection and the end of the life brought.
type facts struct {
	hello  *events.OnHello
	secure *events.OnSecure
	ready  bool
	login  *events.OnAuthenticate
	failed *events.OnError
}

func newScreen(out io.Writer, p palette, title []string) *screen {
	s := &screen{out: out, palette: p}
	s.remember = events.Handlers{
		OnStateChange: s.falls.add,
		OnHello:       func(e events.OnHello) { s.hello = &e },
		OnSecure:      func(e events.OnSecure) { s.secure, s.hello = &e, nil }, // what was said in clear is void
		OnConnect:     func(events.OnConnect) { s.ready = true },
		OnAuthenticate: func(e events.OnAuthenticate) {
			s.login = &e
			s.falls.judge(e)
		},
		OnRetry: func(events.OnRetry) { s.facts = facts{} },
		OnError: func(e events.OnError) { s.failed = &e },
	}
	fmt.Fprintf(out, "%s\n\n", p.bold(title[0])+strings.Join(append([]string{""}, title[1:]...), "\n"))
	return s
}

// title says what will be done before anything happens; embedded is the
// address of the server that nobody asked for.
func title(embedded string) []string {
	lines := []string{"ehlo: from a name to ready"}
	if embedded != "" {
		lines = append(lines, wrap(fmt.Sprintf("No host is given, so the program serves itself: %s on %s, with a "+
			"certificate of its own. -h tells how to reach a real server.", embeddedName, embedded), columns)...)
	}
	return lines
}

// The columns of an event's line: time, type, detail.
const (
	timeColumn   = 9
	typeColumn   = 14
	detailColumn = timeColumn + 2 + typeColumn + 2
)

// show prints an event. Longer details go on below themselves.
func (s *screen) show(e events.Event) {
	h := e.Head()
	if s.began.IsZero() {
		s.began = h.Time
	}
	s.remember.Handle(e)
	colour, detail := s.describe(e)
	lines := wrap(detail, columns-detailColumn)
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  ", s.dim(fmt.Sprintf("%*s", timeColumn, short(h.Time.Sub(s.began)))),
		colour(pad(e.Kind().String(), typeColumn)))
	for i, line := range lines {
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
func (s *screen) describe(e events.Event) (colour func(string) string, detail string) {
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
			return s.yellow, fmt.Sprintf("%s, NOT verified: %s", e.VersionName(), say(e.Verdict))
		}
		return s.blue, fmt.Sprintf("%s, %s is verified", e.VersionName(), smtp.Escape(e.ServerName))
	case events.OnConnect:
		return s.green, connected(e)
	case events.OnCommand:
		return s.blue, smtp.Escape(e.Verb) + ": " + e.Reply.String() + say(e.Err)
	case events.OnAuthenticate:
		if e.Err != nil {
			return s.red, authenticated(e) + ": " + say(e.Err)
		}
		return s.green, "logged in " + authenticated(e) + ": " + e.Reply.String()
	case events.OnRecipient:
		if e.Err != nil {
			return s.red, smtp.Escape(e.Address) + ": " + say(e.Err)
		}
		return s.green, smtp.Escape(e.Address) + ": " + e.Reply.String()
	case events.OnProgress:
		return s.dim, fmt.Sprintf("%d octets", e.Octets)
	case events.OnMessage:
		if e.Err != nil {
			return s.red, e.Receipt.Outcome.String() + ": " + say(e.Err)
		}
		return s.green, e.Receipt.String()
	case events.OnRetry:
		when := "at once, next address"
		if e.Delay > 0 {
			when = "in " + short(e.Delay)
		}
		return s.yellow, when + ", after " + say(e.Err)
	case events.OnTimeout:
		return s.yellow, say(e.Err)
	case events.OnCancel:
		return s.yellow, say(e.Err)
	case events.OnError:
		return s.red, say(e.Err)
	case events.OnDisconnect:
		return s.farewell(e)
	case events.Lagged:
		return s.yellow, fmt.Sprintf("%d events did not fit into the channel", e.Missed)
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

func (s *screen) farewell(e events.OnDisconnect) (func(string) string, string) {
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
	return s.yellow, who + ": " + say(e.Err)
}
