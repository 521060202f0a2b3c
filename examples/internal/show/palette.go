package show

import (
	"io"
	"runtime"

	"golang.org/x/term"
)

// Palette colours text, or leaves it alone.
type Palette struct{ on bool }

// PaletteFor colours only on a terminal that wants it (https://no-color.org).
func PaletteFor(out io.Writer, env func(string) (string, bool)) Palette {
	f, ok := out.(interface{ Fd() uintptr })
	return Palette{ok && term.IsTerminal(int(f.Fd())) && wantsColour(env)}
}

func wantsColour(env func(string) (string, bool)) bool {
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

func (p Palette) paint(code, s string) string {
	if !p.on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p Palette) bold(s string) string   { return p.paint("1", s) }
func (p Palette) dim(s string) string    { return p.paint("2", s) }
func (p Palette) Red(s string) string    { return p.paint("31", s) }
func (p Palette) Green(s string) string  { return p.paint("32", s) }
func (p Palette) Yellow(s string) string { return p.paint("33", s) }
func (p Palette) blue(s string) string   { return p.paint("34", s) }
func (p Palette) plain(s string) string  { return s }
