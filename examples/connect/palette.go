package main

import (
	"io"
	"runtime"

	"golang.org/x/term"
)

// palette colours text, or leaves it alone.
type palette struct{ on bool }

// paletteFor colours only on a terminal that wants it (https://no-color.org).
func paletteFor(out io.Writer, env lookup) palette {
	f, ok := out.(interface{ Fd() uintptr })
	return palette{ok && term.IsTerminal(int(f.Fd())) && wantsColour(env)}
}

func wantsColour(env lookup) bool {
	if v, _ := env("NO_COLOR"); v != "" {
		return false
	}
	t, _ := env("TERM")
	if t == "" && runtime.GOOS == "windows" {
		_, modern := env("WT_SESSION") // the old console shows escapes as they are
		return modern
	}
	return t != "dumb"
}

func (p palette) paint(code, s string) string {
	if !p.on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) bold(s string) string   { return p.paint("1", s) }
func (p palette) dim(s string) string    { return p.paint("2", s) }
func (p palette) red(s string) string    { return p.paint("31", s) }
func (p palette) green(s string) string  { return p.paint("32", s) }
func (p palette) yellow(s string) string { return p.paint("33", s) }
func (p palette) blue(s string) string   { return p.paint("34", s) }
func (p palette) plain(s string) string  { return s }
