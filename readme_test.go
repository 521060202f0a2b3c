package ehlo_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/session"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestREADME_ProgramIsTheOneThatRuns(t *testing.T) {
	program, err := os.ReadFile("examples/watch/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, program2, _ := strings.Cut(string(program), "package main")
	_, shown, _ := strings.Cut(readme(t), "```go\npackage main")
	shown, _, _ = strings.Cut(shown, "```")
	if shown != program2 {
		t.Error("the README's program is not examples/watch/main.go")
	}
}

func TestREADME_OptionsTableIsComplete(t *testing.T) {
	text := readme(t)
	for bit := range 32 {
		o := session.Options(1) << bit
		if o.Validate() != nil {
			continue
		}
		if row := fmt.Sprintf("| %#x | `%v` |", uint32(o), o); !strings.Contains(text, row) {
			t.Errorf("the README has no row beginning %q", row)
		}
	}
}

// The table is what the command printed: it stands in the results as it does here.
func TestREADME_TableOfTheBenchIsOneThatWasPrinted(t *testing.T) {
	results, err := os.ReadFile("bench/RESULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(readme(t), "\n## How fast\n")
	section, _, found := strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?ms)^```\n(.*?)^```").FindAllStringSubmatch(section, -1)
	if !found || len(blocks) != 2 {
		t.Fatalf("%d blocks in the section, want the table and that of the collector", len(blocks))
	}
	for _, b := range blocks {
		if !strings.Contains(string(results), b[1]) {
			t.Errorf("RESULTS.md has no such table:\n%s", b[1])
		}
	}
}
