// Callbacks sends one message and shows what happens in a status line, as a mail
// program on a desktop does. The line is drawn by callbacks alone: nothing asks
// the session for its state.
//
// Without arguments it plays a short story with a server of its own on loopback,
// in which not all goes well, so it runs anywhere:
//
//	go run ./examples/callbacks
//
// With -host, -from and -to it is a tool for real servers; -h tells the rest.
//
// The heart of it is in tell below and in status.go: events.Handlers, Subscribe
// with their Kinds, and Dispatch, which calls them one after another on the
// goroutine that called it.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/letter"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

func main() { setup.Main(run) }

// run is the whole program but for the process around it.
func run(ctx context.Context, p setup.Process) int { return play(ctx, p, false) }

// play is run, and can do without sockets.
func play(ctx context.Context, p setup.Process, inMemory bool) int {
	f := setup.NewFlags("callbacks", p.Env)
	stay := f.Duration("stay", 0, "")
	set, l, err := letter.Parse(f, p.Args, sample())
	const want = "a duration such as 30s, 10m"
	switch {
	case err != nil:
		err = setup.Wanted(err, map[string]string{"-stay": want})
	case *stay < 0:
		err = fmt.Errorf("-stay %v: want %s", *stay, want)
	}
	if err != nil {
		return p.Refuse(ctx, "callbacks", help, err)
	}
	done, err := l.Open(ctx, p, set.Embedded)
	if err != nil {
		return p.Refuse(ctx, "callbacks", help, err)
	}
	defer done()
	if set.Embedded {
		set.InMemory = inMemory
		set.Story = story
		set.LogIn()
	}
	around, err := p.Prepare(ctx, set)
	if err != nil {
		return p.Refuse(ctx, "callbacks", help, err)
	}
	defer around.Close()
	if set.Embedded {
		comeBack(set, stay)
	}
	for _, text := range around.Embedded() {
		fmt.Fprintln(p.Stdout, text)
	}
	line := newLine(p.Stdout, p.Env)
	defer context.AfterFunc(ctx, line.close)() // a second Ctrl-C finds the cursor where it was
	defer line.close()
	status := tell(ctx, set, &l.Message, *stay, line)
	if set.Embedded && status == letter.ExitSome {
		return setup.ExitDone // as it had to be: the server does not know one of them
	}
	return status
}

// tell runs one life of one session, whose events draw the line. It returns the
// exit status.
func tell(ctx context.Context, set *setup.Settings, m *smtp.Message, stay time.Duration, on *line) int {
	s, err := session.New(set.Config)
	if err != nil {
		return setup.ExitFailed
	}
	defer func() { _ = s.Close() }()

	now := status{server: set.Server}
	callbacks := now.callbacks(on.show)
	ch, stop := s.Subscribe(events.Filter{Kinds: callbacks.Kinds(), Buffer: 1024})
	defer stop()

	receipt := make(chan *smtp.Receipt, 1)
	go func() { receipt <- live(ctx, s, set, m, stay) }()
	_ = callbacks.Dispatch(ch) // the callbacks run here, until the end of the life; slog tells of one that panics
	return letter.Status(<-receipt)
}

// live is the life itself: Connect, Authenticate if it is asked for, Send, and
// Disconnect unless the server was first.
func live(ctx context.Context, s *session.Session, set *setup.Settings, m *smtp.Message, stay time.Duration) *smtp.Receipt {
	err := s.Connect(ctx, set.Arguments...)
	if err == nil && set.Login != nil {
		err = s.Authenticate(ctx, set.Login.Argument())
	}
	var r *smtp.Receipt
	if err != nil {
		r = letter.Unsent(m, err)
	} else {
		r, _ = s.Send(ctx, m) // OnMessage tells
		linger(ctx, s, stay)
	}
	_ = s.Disconnect(ctx) // OnDisconnect tells
	return r
}

// linger waits until the server leaves, for a time at most.
func linger(ctx context.Context, s *session.Session, stay time.Duration) {
	enough := time.NewTimer(stay)
	defer enough.Stop()
	select {
	case <-s.Done():
	case <-enough.C:
	case <-ctx.Done():
	}
}
