package setup

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/ehlo-go/ehlo/examples/internal/show"
	"github.com/ehlo-go/ehlo/smtptest"
)

// The exit statuses of all examples; a program may have more.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2
)

// Lookup is os.LookupEnv.
type Lookup func(key string) (value string, set bool)

// Process is what a program has around it.
type Process struct {
	Args           []string
	Env            Lookup
	Ask            Asker // nil where there is nobody to ask
	Stdin          *os.File
	Stdout, Stderr io.Writer
}

// Main runs a program in the process there is, and ends it. Its context ends with
// the first Ctrl-C.
func Main(run func(context.Context, Process) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program the hard way
	os.Exit(run(ctx, Process{
		Args: os.Args[1:], Env: os.LookupEnv, Ask: AskerOn(os.Stdin, os.Stderr),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}))
}

// Refuse says why a program does not begin, or prints its help if it was asked
// for, and returns the exit status.
func (p Process) Refuse(ctx context.Context, program, help string, err error) int {
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(p.Stdout, help)
		return ExitDone
	}
	fmt.Fprintf(p.Stderr, "%s: %v\n", program, err)
	if ctx.Err() != nil {
		return ExitFailed
	}
	fmt.Fprintf(p.Stderr, "%s: -h tells what there is\n", program)
	return ExitUsage
}

// Surroundings are what a session has around it.
type Surroundings struct {
	View   show.View
	Screen *show.Screen     // the View if it is one for people, else nil
	Server *smtptest.Server // nil: a host was given
	spans  *show.Spans
	stderr io.Writer
}

// Prepare asks for what a login lacks, and serves where no host is given. The
// settings then lead to the server. There is no view.
func (p Process) Prepare(ctx context.Context, set *Settings) (*Surroundings, error) {
	s := &Surroundings{stderr: p.Stderr}
	if set.Login != nil {
		if err := set.Login.complete(ctx, p.Ask); err != nil {
			return nil, err
		}
	}
	if set.Embedded {
		srv, err := serve(set)
		if err != nil {
			return nil, err
		}
		s.Server = srv
	}
	if set.trace {
		s.spans = show.NewSpans()
		set.Config.TracerProvider = s.spans.Provider()
	}
	return s, nil
}

// Open is Prepare, and makes the view, whose title is the one given.
func (p Process) Open(ctx context.Context, set *Settings, title string) (*Surroundings, error) {
	s, err := p.Prepare(ctx, set)
	if err != nil {
		return nil, err
	}
	lines := append([]string{title}, s.Embedded()...)
	if set.json {
		s.View = show.NewJSONLines(p.Stdout)
		return s, nil
	}
	s.Screen = show.NewScreen(p.Stdout, show.PaletteFor(p.Stdout, p.Env), lines)
	s.View = s.Screen
	return s, nil
}

// Embedded returns lines that say where the program serves itself; none if a host
// was given.
func (s *Surroundings) Embedded() []string {
	if s.Server == nil {
		return nil
	}
	return show.Wrap(fmt.Sprintf("No host is given, so the program serves itself: %s on %s, with a "+
		"certificate of its own. -h tells how to reach a real server.", EmbeddedName, s.Server.Addr()), show.Columns)
}

// Close prints the spans and closes the server.
func (s *Surroundings) Close() {
	if s.spans != nil {
		s.spans.Print(s.stderr)
	}
	if s.Server != nil {
		_ = s.Server.Close()
	}
}
