package main

import (
	"fmt"
	"io"
	"time"

	"github.com/ehlo-go/ehlo/examples/internal/show"
)

// status keeps people up to date: on a terminal by one line that changes each
// second, elsewhere by a new line every ten.
type status struct {
	out   io.Writer
	width func() int // of the terminal now; nil: it is none that takes a line back
	stop  chan struct{}
	ended chan struct{}
}

// tell begins to tell what line says. Nobody else may write to out until end.
func tell(out io.Writer, width func() int, line func() string) *status {
	s := &status{out: out, width: width, stop: make(chan struct{}), ended: make(chan struct{})}
	every := 10 * time.Second
	if width != nil {
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
	if s.width != nil {
		fmt.Fprintf(s.out, "\r%s\x1b[K", show.Fit(line, s.width()-1)) // the last column stays free
	} else {
		fmt.Fprintln(s.out, line)
	}
}

// end waits until nothing more is told. A line that moved is taken away.
func (s *status) end() {
	close(s.stop)
	<-s.ended
	if s.width != nil {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
}
