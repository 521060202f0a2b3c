// Package letter is the message of a command line, and what becomes of it.
package letter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

// Letter is the message that the command line asks for.
type Letter struct {
	smtp.Message
	program string
	file    string // -file
	sample  func() string
}

// Sample is what goes to the embedded server where nothing else is given.
type Sample struct {
	From    string
	To      []string
	Content func() string
}

// Parse reads the command line: the flags of f and those of a message, which Help
// explains. What it says of the message is checked before anything is dialled.
func Parse(f *setup.Flags, args []string, sample Sample) (*setup.Settings, *Letter, error) {
	l := &Letter{program: f.Name(), sample: sample.Content}
	var flight session.Flight
	var notify smtp.Notify
	given := false
	f.Func("from", "", func(s string) error { l.From, given = s, true; return nil })
	f.Func("to", "", func(s string) error { l.Recipients = append(l.Recipients, smtp.To(s)...); return nil })
	f.StringVar(&l.file, "file", "", "")
	f.Func("flight", "", func(s string) (err error) { flight, err = parseFlight(s); return err })
	f.Func("policy", "", func(s string) (err error) { l.Policy, err = parsePolicy(s); return err })
	f.Func("dsn", "", func(s string) (err error) { notify, err = parseDSN(s, &l.Mail); return err })
	set, err := f.Parse(args)
	if err != nil {
		return set, l, err
	}
	set.Config.Flight = flight
	set.Config.Extended = true // what a message asks for are extensions
	if set.Embedded && !given {
		l.From = sample.From
	}
	if set.Embedded && l.Recipients == nil {
		l.Recipients = smtp.To(sample.To...)
	}
	for i := range l.Recipients {
		l.Recipients[i].Notify = notify
	}
	switch {
	case !set.Embedded && !given:
		return set, l, errors.New("-from is missing: want an address, or -from= for the null reverse-path")
	case l.Recipients == nil:
		return set, l, errors.New("-to is missing: want an address, and -to again for each other one")
	}
	check := l.Message
	check.Content = strings.NewReader("")
	return set, l, check.Validate()
}

func parseFlight(s string) (session.Flight, error) {
	for _, f := range []session.Flight{session.Envelope, session.Full, session.Single} {
		if strings.EqualFold(s, f.String()) {
			return f, nil
		}
	}
	return 0, errors.New("want envelope, full or single")
}

func parsePolicy(s string) (smtp.Policy, error) {
	switch strings.ToLower(s) {
	case "accepted":
		return smtp.DeliverToAccepted, nil
	case "all":
		return smtp.AllOrNothing, nil
	}
	return 0, errors.New("want accepted or all")
}

// parseDSN reads what reports are asked for (RFC 3461), as in
// "ret=hdrs,envid=42,notify=success,failure".
func parseDSN(s string, m *smtp.Mail) (notify smtp.Notify, err error) {
	listing := false // what follows may be another reason of notify
	for item := range strings.SplitSeq(s, ",") {
		key, value, pair := strings.Cut(item, "=")
		if !pair && listing {
			key, value = "notify", item
		}
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		ok := value != ""
		listing = key == "notify"
		switch key {
		case "ret":
			m.Return, ok = map[string]smtp.Return{"full": smtp.ReturnFull, "hdrs": smtp.ReturnHeaders}[strings.ToLower(value)]
		case "envid":
			m.EnvelopeID = value
		case "notify":
			var n smtp.Notify
			n, ok = map[string]smtp.Notify{"never": smtp.NotifyNever, "success": smtp.NotifySuccess, "failure": smtp.NotifyFailure,
				"delay": smtp.NotifyDelay}[strings.ToLower(value)]
			notify |= n
		default:
			ok = false
		}
		if !ok {
			return 0, fmt.Errorf("%q: want ret=full or ret=hdrs, envid=ID, notify=never or notify=success,failure,delay", item)
		}
	}
	return notify, nil
}
