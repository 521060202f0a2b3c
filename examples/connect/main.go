// Connect opens an SMTP session, shows what happens on the way to ready, logs in
// if it is asked to, and says QUIT.
//
// Without arguments it starts a server of its own on loopback, so it runs
// anywhere:
//
//	go run ./examples/connect
//
// With -host it is a tool for real servers; -h tells the rest.
//
// The heart of it is in connect and live below: subscribe, Connect, Authenticate,
// Disconnect, and a range over the channel of events. The packages beside it read
// the flags and turn events into text.
package main

import (
	"context"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/examples/internal/show"
	"github.com/ehlo-go/ehlo/session"
)

// exitRefused is the exit status where the session was ready and not logged in.
const exitRefused = 3

func main() { setup.Main(run) }

// run is the whole program but for the process around it.
func run(ctx context.Context, p setup.Process) int {
	set, err := setup.NewFlags("connect", p.Env).WithJSON().Parse(p.Args)
	if err != nil {
		return p.Refuse(ctx, "connect", help, err)
	}
	around, err := p.Open(ctx, set, "ehlo: from a name to ready")
	if err != nil {
		return p.Refuse(ctx, "connect", help, err)
	}
	defer around.Close()
	return connect(ctx, set, around.View)
}

// connect runs one life of one session and shows it. It returns the exit status;
// why, the events have told.
func connect(ctx context.Context, set *setup.Settings, v show.View) int {
	s, err := session.New(set.Config)
	if err != nil {
		return setup.ExitFailed
	}
	defer func() { _ = s.Close() }()
	ch, stop := s.Subscribe(events.Filter{Buffer: 1024})
	defer stop()

	status := make(chan int, 1)
	go func() { status <- live(ctx, s, set) }()
	for e := range ch { // closed at the end of the life
		if c, ok := e.(events.OnStateChange); ok && c.From == c.To {
			continue // not an event of the session: the state when we subscribed
		}
		v.Show(e)
	}
	v.End()
	return <-status
}

// live is the life itself: Connect, Authenticate if it is asked for, Disconnect.
func live(ctx context.Context, s *session.Session, set *setup.Settings) int {
	if s.Connect(ctx, set.Arguments...) != nil {
		return setup.ExitFailed
	}
	status := setup.ExitDone
	if set.Login != nil && s.Authenticate(ctx, set.Login.Argument()) != nil {
		status = exitRefused
		if ctx.Err() != nil {
			status = setup.ExitFailed // that was Ctrl-C, not the server
		}
	}
	_ = s.Disconnect(ctx) // OnDisconnect tells
	return status
}
