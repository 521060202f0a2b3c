package main

import (
	"os"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/letter"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

// The first lines are shown, each on one of its own, and no control octet, which
// playWith looks for.
func TestArrived_FirstLinesOfTheContent(t *testing.T) {
	file := letterFile(t)
	if err := os.WriteFile(file, []byte("Subject: "+strings.Repeat("語", 200)+"\n\n\x1b[31mred\n"+strings.Repeat("a line\n", 50)), 0o600); err != nil {
		t.Fatal(err)
	}
	r := play(t, "-file", file).Want(letter.ExitAccepted).Tells("What arrived", "│ Subject: 語", `│ \x1b[31mred`, "│ a line", "and 33 lines more")
	if n := strings.Count(r.Stdout, "│ "); n != mostLines {
		t.Errorf("%d lines are shown, want %d", n, mostLines)
	}
}

func TestArrived_Nothing(t *testing.T) {
	_, others := playtest.SelfSigned(t) // not the server's
	play(t, "-ca", others, "-attempts", "1").Want(setup.ExitFailed).Tells("Not connected", "What arrived", "nothing")
}
