package show

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
)

func TestFit(t *testing.T) {
	for _, width := range []int{1, 2, 3, 10, 40} {
		for _, text := range []string{"", "a", "ab", "語", "語語語", strings.Repeat("wide 語 ", 20)} {
			if got := Fit(text, width); Wide(got) > width || Wide(text) <= width && got != text {
				t.Errorf("%q in %d: %q", text, width, got)
			}
		}
	}
}

// A file is no terminal, nor is a buffer.
func TestWidthOf_NoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if env := playtest.EnvOf(map[string]string{"TERM": "xterm"}); WidthOf(f, env) != nil || WidthOf(&bytes.Buffer{}, env) != nil {
		t.Error("a file has a width")
	}
}
