package main

import (
	"bytes"
	"os"
	"regexp"
	"testing"
)

func TestPalette_WantsColour(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"TERM": "xterm"}, true},
		{map[string]string{"TERM": "xterm", "NO_COLOR": ""}, true},
		{map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{map[string]string{"TERM": "dumb"}, false},
	} {
		if got := wantsColour(envOf(c.env)); got != c.want {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}

func TestPalette_OnlyOnATerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	env := envOf(map[string]string{"TERM": "xterm"})
	if paletteFor(f, env).on || paletteFor(&bytes.Buffer{}, env).on {
		t.Error("coloured without a terminal")
	}
}

// Colours change nothing else.
func TestPalette_Stripped(t *testing.T) {
	coloured, plain := screenOf(palette{true}, allKinds()...), screenOf(palette{}, allKinds()...)
	escapes := regexp.MustCompile("\x1b\\[[0-9]+m")
	if !escapes.MatchString(coloured) || escapes.MatchString(plain) {
		t.Error("no colours, or too many")
	}
	if escapes.ReplaceAllString(coloured, "") != plain {
		t.Errorf("without colours\n%s\nwith\n%s", plain, coloured)
	}
}
