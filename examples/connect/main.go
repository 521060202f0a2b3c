// Connect opens an SMTP session, shows what happens on the way to ready, and
// says QUIT.
//
// Without arguments it starts a server of its own on loopback, so it runs
// anywhere:
//
//	go run ./examples/connect
//
// With -host it is a tool for real servers; -h tells the rest.
//
// The heart of it is in connect below: subscribe, Connect, Disconnect, and a
// range over the channel of events. The other files turn events into text.
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
	exitReady  = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program the hard way
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// lookup is os.LookupEnv.
type lookup func(key string) (value string, set bool)

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, env lookup, stdout, stderr io.Writer) int {
	set, err := parse(args, env)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, help)
		return exitReady
	}
	if err != nil {
		return misuse(stderr, err)
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
	if err := connect(ctx, set, v); err != nil {
		return exitFailed
	}
	return exitReady
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

// connect runs one life of one session and shows it. What it returns the last
// event has told already.
func connect(ctx context.Context, set settings, v view) error {
	s, err := session.New(set.config)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	ch, stop := s.Subscribe(events.Filter{Buffer: 1024})
	defer stop()

	outcome := make(chan error, 1)
	go func() {
		err := s.Connect(ctx, set.arguments...)
		if err == nil {
			_ = s.Disconnect(ctx) // OnDisconnect tells
		}
		outcome <- err
	}()
	for e := range ch { // closed at the end of the life
		if c, ok := e.(events.OnStateChange); ok && c.From == c.To {
			continue // not an event of the session: the state when we subscribed
		}
		v.show(e)
	}
	v.end()
	return <-outcome
}
