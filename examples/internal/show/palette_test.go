package show

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
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
		if got := wantsColour(playtest.EnvOf(c.env)); got != c.want {
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
	env := playtest.EnvOf(map[string]string{"TERM": "xterm"})
	if PaletteFor(f, env).on || PaletteFor(&bytes.Buffer{}, env).on {
		t.Error("coloured without a terminal")
	}
}

// Colours change nothing else.
func TestPalette_Stripped(t *testing.T) {
	coloured, plain := screenOf(Palette{true}, allKinds()...), screenOf(Palette{}, allKinds()...)
	coloured = regexp.MustCompile("\r[^\r\n]*\x1b\\[K").ReplaceAllString(coloured, "") // the bar
	escapes := regexp.MustCompile("\x1b\\[[0-9]+m")
	if !escapes.MatchString(coloured) || escapes.MatchString(plain) {
		t.Error("no colours, or too many")
	}
	if escapes.ReplaceAllString(coloured, "") != plain {
		t.Errorf("without colours\n%s\nwith\n%s", plain, coloured)
	}
}
