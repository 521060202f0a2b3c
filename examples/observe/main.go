// Observe runs many SMTP sessions against a server of its own that makes trouble,
// and lets an operator watch them with tools that are there already: a Prometheus
// that scrapes /metrics, a collector or Jaeger that takes traces by OTLP, and a
// browser at the live page of package live.
//
//	go -C examples/observe run .
//
// -h tells the rest. It is a module of its own, so that its exporters are no
// requirement of the library.
//
// What a program of yours needs for the same is in telemetry.go and web.go: two
// providers, one hook, and a handler for each of two paths. The sessions and their
// troubles are in load.go, mailhost.go and troubles.go.
package main

import (
	"context"
	"fmt"

	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/examples/internal/show"
)

func main() { setup.Main(run) }

// run is the whole program but for the process around it.
func run(ctx context.Context, p setup.Process) int {
	set, err := parse(p.Args, p.Env)
	if err != nil {
		return p.Refuse(ctx, "observe", help, err)
	}
	w, err := open(ctx, set)
	if err != nil {
		return p.Refuse(ctx, "observe", help, err)
	}
	w.introduce(p.Stdout)
	line := tell(p.Stdout, show.WidthOf(p.Stdout, p.Env), w.line)
	w.work(ctx)
	line.end()
	failed := w.close(ctx)
	w.sum(p.Stdout)
	for _, err := range failed {
		fmt.Fprintf(p.Stderr, "observe: %s\n", show.Say(err))
	}
	if len(failed) > 0 {
		return setup.ExitFailed
	}
	return setup.ExitDone
}
