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
// Disconnect, and a range over the channel of events. The other files turn
// events into text.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
)

// The exit statuses.
const (
	exitReady   = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program the hard way
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, askerOn(os.Stdin, os.Stderr), os.Stdout, os.Stderr))
}

// lookup is os.LookupEnv.
type lookup func(key string) (value string, set bool)

// run is the whole program but for the process around it. ask is nil where there
// is nobody to ask.
func run(ctx context.Context, args []string, env lookup, ask asker, stdout, stderr io.Writer) int {
	set, err := parse(args, env)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, help)
		return exitReady
	}
	if err != nil {
		return misuse(stderr, err)
	}
	if set.login != nil {
		err := set.login.complete(ctx, ask)
		if err != nil && ctx.Err() != nil {
			fmt.Fprintf(stderr, "connect: %v\n", err)
			return exitFailed
		}
		if err != nil {
			return misuse(stderr, err)
		}
	}
	embedded := ""
	if set.embedded {
		srv, err := serve(&set)
		if err != nil {
			return misuse(stderr, err)
		}
		defer func() { _ = srv.Close() }()
		embedded = srv.Addr()
	}
	if set.trace {
		spans := newSpanTree()
		defer spans.print(stderr)
		set.config.TracerProvider = spans.provider
	}
	var v view = newJSONLines(stdout)
	if !set.json {
		v = newScreen(stdout, paletteFor(stdout, env), title(embedded))
	}
	return connect(ctx, set, v)
}

func misuse(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "connect: %v\nconnect: -h tells what there is\n", err)
	return exitUsage
}

// view is where the events go: a terminal or JSON lines.
type view interface {
	show(events.Event)
	end() // after the last event
}

// connect runs one life of one session and shows it. It returns the exit status;
// why, the events have told.
func connect(ctx context.Context, set settings, v view) int {
	s, err := session.New(set.config)
	if err != nil {
		return exitFailed
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
		v.show(e)
	}
	v.end()
	return <-status
}

// live is the life itself: Connect, Authenticate if it is asked for, Disconnect.
func live(ctx context.Context, s *session.Session, set settings) int {
	if s.Connect(ctx, set.arguments...) != nil {
		return exitFailed
	}
	status := exitReady
	if set.login != nil && s.Authenticate(ctx, set.login.argument()) != nil {
		status = exitRefused
		if ctx.Err() != nil {
			status = exitFailed // that was Ctrl-C, not the server
		}
	}
	_ = s.Disconnect(ctx) // OnDisconnect tells
	return status
}
