package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
)

// Without a terminal it is a line for each change, whole and bare.
func TestLine_Plain(t *testing.T) {
	var out bytes.Buffer
	l := newLine(&out, playtest.EnvOf(map[string]string{"TERM": "xterm"}))
	long := strings.Repeat("long ", 40)
	for _, s := range []status{{text: "one"}, {text: "one", mood: bad}, {text: "two", mood: good}, {text: long}} {
		l.show(s)
	}
	l.close()
	l.close()
	if want := "one\ntwo\n" + long + "\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// On a terminal one line is written over, within the width that there is when it
// is drawn.
func TestLine_IsWrittenOver(t *testing.T) {
	var out bytes.Buffer
	width := 20
	l := &line{out: &out, width: func() int { return width }}
	for _, c := range []struct {
		width      int
		text, want string
	}{
		{20, "short", hideCursor + "\rshort\x1b[K"},
		{20, "short", ""},
		{20, "just as much as fits", "\rjust as much as fi…\x1b[K"}, // the last column stays free
		{20, "語語語語語語語語語語", "\r語語語語語語語語語…\x1b[K"},
		{9, "narrower now", "\rnarrowe…\x1b[K"},
		{1, "nothing fits", "\r\x1b[K"},
	} {
		out.Reset()
		width = c.width
		if l.show(status{text: c.text}); out.String() != c.want {
			t.Errorf("%q in %d: %q, want %q", c.text, c.width, out.String(), c.want)
		}
	}
	out.Reset()
	l.close()
	l.close()
	l.show(status{text: "too late"})
	if want := showCursor + "\n" + "too late\n"; out.String() != want {
		t.Errorf("at the end %q, want %q", out.String(), want)
	}
}
