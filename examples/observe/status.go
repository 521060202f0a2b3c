package main

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/term"

	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

// status keeps people up to date: on a terminal by one line that changes each
// second, elsewhere by a new line every ten.
type status struct {
	out   io.Writer
	moves bool
	stop  chan struct{}
	ended chan struct{}
}

// moves reports whether out is a terminal that can take a line back.
func moves(out io.Writer, env setup.Lookup) bool {
	f, ok := out.(interface{ Fd() uintptr })
	kind, _ := env("TERM")
	return ok && term.IsTerminal(int(f.Fd())) && kind != "dumb"
}

// tell begins to tell what line says. Nobody else may write to out until end.
func tell(out io.Writer, moves bool, line func() string) *status {
	s := &status{out: out, moves: moves, stop: make(chan struct{}), ended: make(chan struct{})}
	every := 10 * time.Second
	if moves {
		every = time.Second
	}
	go s.run(every, line)
	return s
}

func (s *status) run(every time.Duration, line func() string) {
	defer close(s.ended)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.print(line())
		case <-s.stop:
			return
		}
	}
}

func (s *status) print(line string) {
	if s.moves {
		fmt.Fprintf(s.out, "\r%s\x1b[K", line)
	} else {
		fmt.Fprintln(s.out, line)
	}
}

// end waits until nothing more is told. A line that moved is taken away.
func (s *status) end() {
	close(s.stop)
	<-s.ended
	if s.moves {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
}
