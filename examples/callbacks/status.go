package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/show"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// mood is how a status line is meant, and so its colour.
type mood uint8

const (
	busy mood = iota // something is under way
	good
	odd // it may be well in the end
	bad
)

// status is what the line says now. It knows what events have told it and the
// server's name, and nothing else.
type status struct {
	server string // as the user calls it

	text     string
	mood     mood
	fate     string // of the message, once that is known: it stays in sight
	fateMood mood   // and how that is meant
}

// callbacks returns a callback for each kind of event that the line tells. Each
// changes the status and then calls changed. They must not run at the same time, as
// those of one Dispatch do not. OnHello is left out, since a state says what
// follows it, and so is Lagged: the next event says what is now.
func (s *status) callbacks(changed func(status)) events.Handlers {
	say := func(m mood, format string, args ...any) {
		s.say(m, format, args...)
		changed(*s)
	}
	return events.Handlers{
		OnStateChange: func(e events.OnStateChange) {
			if s.enter(e) {
				changed(*s)
			}
		},
		OnResolve: func(e events.OnResolve) { say(busy, "Connecting to %s…", s.target(e)) },
		OnDial: func(e events.OnDial) {
			say(busy, "Connected to %s, waiting for its greeting…", smtp.Escape(e.Remote))
		},
		OnGreeting: func(events.OnGreeting) { say(busy, "Asking what %s can do…", s.name()) },
		OnSecure: func(e events.OnSecure) {
			if e.Verdict != nil {
				say(odd, "Securing the connection (%s), but anybody may be at the other end: %s", e.VersionName(), show.Say(e.Verdict))
				return
			}
			say(busy, "Securing the connection (%s)…", e.VersionName())
		},
		OnConnect: func(e events.OnConnect) {
			if e.Secure {
				say(good, "Connected to %s", s.name())
			} else {
				say(odd, "Connected to %s, in clear", s.name())
			}
		},
		OnAuthenticate: func(e events.OnAuthenticate) {
			if e.Err != nil {
				say(bad, "Not logged in: %s", reason(e.Err))
				return
			}
			say(good, "Logged in")
		},
		OnCommand: func(e events.OnCommand) {
			if e.Err != nil {
				say(odd, "%s: %s", smtp.Escape(e.Verb), reason(e.Err))
			}
		},
		OnRecipient: func(e events.OnRecipient) {
			if e.Err != nil {
				say(odd, "Not for %s: %s", smtp.Escape(e.Address), reason(e.Err))
			}
		},
		OnProgress: func(e events.OnProgress) { say(busy, "%s", sending(e)) },
		OnMessage: func(e events.OnMessage) {
			s.fate, s.fateMood = fate(e)
			say(s.fateMood, "")
		},
		OnRetry: func(e events.OnRetry) {
			if e.Delay <= 0 {
				say(odd, "Trying another address: %s", reason(e.Err))
				return
			}
			say(odd, "Waiting %s before another try: %s", wait(e.Delay), reason(e.Err))
		},
		OnTimeout: func(e events.OnTimeout) { say(odd, "No answer in time: %s", reason(e.Err)) },
		OnCancel:  func(events.OnCancel) { say(odd, "Stopped") },
		OnError: func(e events.OnError) {
			if e.Final {
				say(bad, "Not connected: %s", reason(e.Err))
			} else {
				say(odd, "%s", reason(e.Err))
			}
		},
		OnDisconnect: func(e events.OnDisconnect) {
			switch {
			case e.Err == nil || errors.Is(e.Err, smtp.ErrCanceled):
				say(good, "Disconnected")
			case e.Reason == events.Local:
				say(odd, "Disconnected: %s", reason(e.Err))
			default:
				say(bad, "Connection lost: %s", reason(e.Err))
			}
		},
	}
}

// say sets the line. What became of a message stays before what follows it.
func (s *status) say(m mood, format string, args ...any) {
	s.text, s.mood = fmt.Sprintf(format, args...), m
	switch {
	case s.fate != "" && s.text == "":
		s.text = s.fate
	case s.fate != "":
		s.text, s.mood = s.fate+". "+s.text, max(m, s.fateMood)
	}
}

// enter says what begins with a state, and reports whether that is worth a line.
func (s *status) enter(e events.OnStateChange) bool {
	if e.From == e.To { // no transition: how the session was when we subscribed
		return false
	}
	switch e.To {
	case fsm.Resolve:
		s.say(busy, "Looking up %s…", s.name())
	case fsm.TLS, fsm.StartTLS:
		s.say(busy, "Securing the connection…")
	case fsm.Auth:
		s.say(busy, "Logging in…")
	case fsm.Mail:
		s.fate = ""
		s.say(busy, "Sending…")
	case fsm.Quit:
		s.say(busy, "Disconnecting…")
	case fsm.Idle, fsm.Dial, fsm.Greeting, fsm.Ehlo, fsm.Ready, fsm.Backoff, fsm.Closed: // their events say more
		return false
	}
	return true
}

func (s *status) name() string { return smtp.Escape(s.server) }

// target is what is dialled first.
func (s *status) target(e events.OnResolve) string {
	if len(e.Addrs) == 0 {
		return s.name() + " through the proxy"
	}
	return smtp.Escape(e.Addrs[0].String())
}

// sending is how far the content has got.
func sending(e events.OnProgress) string {
	switch {
	case e.Size > 0 && e.Octets >= e.Size:
		return "Waiting for the server to take the message…"
	case e.Size > 0:
		unit, name := unitOf(e.Size)
		return fmt.Sprintf("Sending %d %% (%.1f of %.1f %s)…", e.Octets*100/e.Size, float64(e.Octets)/unit, float64(e.Size)/unit, name)
	}
	unit, name := unitOf(e.Octets)
	return fmt.Sprintf("Sending (%.1f %s so far)…", float64(e.Octets)/unit, name)
}

func unitOf(octets int64) (unit float64, name string) {
	switch {
	case octets >= 1e9:
		return 1e9, "GB"
	case octets >= 1e6:
		return 1e6, "MB"
	}
	return 1e3, "kB"
}

// fate is what became of a message.
func fate(e events.OnMessage) (string, mood) {
	got, all := 0, len(e.Receipt.Recipients)
	for i := range e.Receipt.Recipients {
		if e.Receipt.Recipients[i].Outcome == smtp.Accepted {
			got++
		}
	}
	switch e.Receipt.Outcome {
	case smtp.Accepted:
		if got < all {
			return fmt.Sprintf("Sent to %d of %d recipients", got, all), odd
		}
		return "Sent", good
	case smtp.Unknown:
		return "Perhaps sent: " + reason(e.Err), bad
	case smtp.Rejected:
		return "Refused: " + reason(e.Err), bad
	case smtp.NotSent:
	}
	return "Not sent: " + reason(e.Err), bad
}

// reason is an error in one line: the server's own words where it said something,
// and no more than a word where the user wanted it.
func reason(err error) string {
	if errors.Is(err, smtp.ErrCanceled) {
		return "stopped"
	}
	if e, ok := errors.AsType[*smtp.Error](err); ok && e.Kind == smtp.KindReply && !e.Reply.IsZero() {
		return e.Reply.String()
	}
	return show.Say(err)
}

// wait is a delay in words: "4 s", "0.4 s".
func wait(d time.Duration) string {
	switch {
	case d < 10*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}
