// Bench puts ehlo beside its peers, all doing the same to one server in another
// process, and prints what each takes:
//
//	go -C bench run .
//
// -h tells the rest. `go test -bench .` in the same directory prints the same
// figures as lines that benchstat reads.
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

	"golang.org/x/term"

	"github.com/ehlo-go/ehlo/bench/internal/sink"
)

// The exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	sink.Main() // does not return in the process of the sink
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program the hard way
	p := process{stdout: os.Stdout, stderr: os.Stderr, live: term.IsTerminal(int(os.Stderr.Fd()))}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// process is what the program has around it.
type process struct {
	stdout, stderr io.Writer
	live           bool // stderr is a terminal, which gets the progress
}

// run is the whole program. It returns the exit status.
func (p process) run(ctx context.Context, args []string) int {
	set, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(p.stdout, help)
		return exitDone
	case err != nil:
		fmt.Fprintf(p.stderr, "bench: %v\nbench: -h tells what there is\n", err)
		return exitUsage
	}
	status, err := p.measure(ctx, set)
	if err != nil {
		fmt.Fprintf(p.stderr, "bench: %v\n", err)
		return exitFailed
	}
	return status
}
