package show

import (
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
)

// The width is the one of the moment; a dumb terminal has none.
func TestWidthOf_ATerminal(t *testing.T) {
	_, program := playtest.PseudoTerminal(t)
	width := WidthOf(program, playtest.EnvOf(map[string]string{"TERM": "xterm"}))
	if width == nil {
		t.Fatal("a terminal has no width")
	}
	for _, want := range []uint16{132, 40} {
		playtest.Resize(t, program, want)
		if got := width(); got != int(want) {
			t.Errorf("%d, want %d", got, want)
		}
	}
	playtest.Resize(t, program, 0)
	if got := width(); got != Columns {
		t.Errorf("a terminal that does not know is %d wide", got)
	}
	if WidthOf(program, playtest.EnvOf(map[string]string{"TERM": "dumb"})) != nil {
		t.Error("a dumb terminal takes a line back")
	}
}
