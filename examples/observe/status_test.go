package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
)

// On a terminal one line changes each second and is gone at the end; elsewhere
// there is a line every ten.
func TestStatus(t *testing.T) {
	for _, c := range []struct {
		moves bool
		want  string
	}{
		{false, "so far\nso far\n"},
		{true, "\rso far\x1b[K\rso far\x1b[K\r\x1b[K"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			s := tell(&out, c.moves, func() string { return "so far" })
			every := 10 * time.Second
			if c.moves {
				every = time.Second
			}
			<-time.After(2*every + every/2)
			s.end()
			if out.String() != c.want {
				t.Errorf("%q", out.String())
			}
		})
	}
}

// A file is no terminal, nor is a buffer.
func TestMoves_NoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if env := playtest.EnvOf(map[string]string{"TERM": "xterm"}); moves(f, env) || moves(&bytes.Buffer{}, env) {
		t.Error("a file gets a line that moves")
	}
}
