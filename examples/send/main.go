// Send sends one message by SMTP and tells what became of it: for each recipient,
// in a receipt, and by its exit status.
//
// Without arguments it sends a sample to a server of its own on loopback and shows
// what arrived there, so it runs anywhere:
//
//	go run ./examples/send
//
// With -host, -from and -to it is a tool for real servers; -h tells the rest.
//
// The heart of it is in send and live below: Connect, Authenticate, Send, and the
// receipt, which is there in any case.
package main

import (
	"context"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/letter"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

func main() { setup.Main(run) }

// run is the whole program but for the process around it.
func run(ctx context.Context, p setup.Process) int {
	set, l, err := letter.Parse(setup.NewFlags("send", p.Env).WithJSON(), p.Args, sample())
	if err != nil {
		return p.Refuse(ctx, "send", help, err)
	}
	done, err := l.Open(ctx, p, set.Embedded)
	if err != nil {
		return p.Refuse(ctx, "send", help, err)
	}
	defer done()
	around, err := p.Open(ctx, set, "ehlo: a message and its receipt")
	if err != nil {
		return p.Refuse(ctx, "send", help, err)
	}
	defer around.Close()
	status := send(ctx, set, &l.Message, around)
	if around.Screen != nil && around.Server != nil {
		arrived(around.Screen, around.Server.Messages())
	}
	return status
}

// send runs one life of one session and shows it. It returns the exit status; why,
// the receipt tells.
func send(ctx context.Context, set *setup.Settings, m *smtp.Message, around *setup.Surroundings) int {
	s, err := session.New(set.Config)
	if err != nil {
		return setup.ExitFailed
	}
	defer func() { _ = s.Close() }()
	ch, stop := s.Subscribe(events.Filter{Buffer: 1024})
	defer stop()

	done := make(chan *smtp.Receipt, 1)
	go func() { done <- live(ctx, s, set, m) }()
	var newest events.Header
	var fate events.Event
	for e := range ch { // closed at the end of the life
		if c, ok := e.(events.OnStateChange); ok && c.From == c.To {
			continue // not an event of the session: the state when we subscribed
		}
		newest = e.Head()
		if e.Kind() == events.KindMessage {
			fate = e
			if around.Screen == nil {
				continue // a script finds it in the last line
			}
		}
		around.View.Show(e)
	}
	r := <-done
	made := fate == nil // the session never had the message
	if made {
		newest.Seq = 0
		fate = events.OnMessage{Header: newest, Receipt: r, Err: r.Err(), Elapsed: r.Ended.Sub(r.Began)}
	}
	if made || around.Screen == nil {
		around.View.Show(fate)
	}
	around.View.End()
	return letter.Status(r)
}

// live is the life itself: Connect, Authenticate if it is asked for, Send,
// Disconnect.
func live(ctx context.Context, s *session.Session, set *setup.Settings, m *smtp.Message) *smtp.Receipt {
	err := s.Connect(ctx, set.Arguments...)
	if err == nil && set.Login != nil {
		err = s.Authenticate(ctx, set.Login.Argument())
	}
	var r *smtp.Receipt
	if err != nil {
		r = letter.Unsent(m, err)
	} else {
		r, _ = s.Send(ctx, m) // the receipt has the error
	}
	_ = s.Disconnect(ctx) // OnDisconnect tells
	return r
}
