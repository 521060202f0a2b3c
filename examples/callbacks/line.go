package main

import (
	"fmt"
	"io"
	"sync"

	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/examples/internal/show"
)

// line is where the status is drawn: on a terminal one line that is written over
// and over, elsewhere a line for each change. Safe for concurrent use.
type line struct {
	out    io.Writer
	colour show.Palette
	width  func() int // of the terminal now; nil: it is none

	mu     sync.Mutex
	last   string
	drawn  bool // and the cursor is hidden
	closed bool
}

// What moves a cursor and hides it (ECMA-48 8.3, and DEC's private mode 25).
const (
	toTheFront  = "\r"
	clearTheEnd = "\x1b[K"
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
)

// newLine draws on a terminal if out is one that can, which a dumb one cannot.
func newLine(out io.Writer, env setup.Lookup) *line {
	return &line{out: out, colour: show.PaletteFor(out, env), width: show.WidthOf(out, env)}
}

// show draws the status, unless it looks as before.
func (l *line) show(s status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case s.text == l.last:
		return
	case l.width == nil || l.closed: // once it is closed the cursor is left alone
		l.end()
		fmt.Fprintln(l.out, s.text)
	default:
		begin := ""
		if !l.drawn {
			begin = hideCursor
		}
		// The last column stays free: to write there moves some cursors to the next line.
		fmt.Fprint(l.out, begin+toTheFront+l.paint(s.mood, show.Fit(s.text, l.width()-1))+clearTheEnd)
		l.drawn = true
	}
	l.last = s.text
}

// close leaves the last status where it is and gives the cursor back. It may be
// called again, and what is shown afterwards is a line of its own.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.end()
}

func (l *line) end() {
	if l.drawn {
		fmt.Fprint(l.out, showCursor+"\n")
		l.drawn = false
	}
}

func (l *line) paint(m mood, text string) string {
	switch m {
	case good:
		return l.colour.Green(text)
	case odd:
		return l.colour.Yellow(text)
	case bad:
		return l.colour.Red(text)
	case busy:
	}
	return text
}
