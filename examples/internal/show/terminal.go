package show

import (
	"io"

	"golang.org/x/term"
)

// WidthOf returns what tells the width, in columns and as it is then, of a terminal
// that can take a line back; nil if out is none, or a dumb one.
func WidthOf(out io.Writer, env func(string) (string, bool)) func() int {
	f, ok := out.(interface{ Fd() uintptr })
	if kind, _ := env("TERM"); !ok || kind == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width <= 0 {
			return Columns
		}
		return width
	}
}

// Fit cuts text to a width in columns, and says so. Who draws in the last column of a
// terminal moves some cursors to the next line.
func Fit(text string, width int) string {
	if Wide(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	head := HeadOf(text, width-1)
	if Wide(head) > width-1 { // it takes a first character in any case
		head = ""
	}
	return head + "…"
}
