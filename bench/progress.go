package main

import (
	"fmt"
	"io"
)

// progress is one line on a terminal, written over again and again.
type progress struct {
	w     io.Writer // nil: nobody looks
	shown bool
}

func newProgress(p process) *progress {
	if !p.live {
		return &progress{}
	}
	return &progress{w: p.stderr}
}

// clearLine goes to its begin and clears it.
const clearLine = "\r\x1b[K"

func (p *progress) say(format string, args ...any) {
	if p.w == nil {
		return
	}
	p.shown = true
	fmt.Fprintf(p.w, clearLine+format, args...)
}

// end takes the line away.
func (p *progress) end() {
	if p.w != nil && p.shown {
		fmt.Fprint(p.w, clearLine)
	}
	p.shown = false
}
