package fsm

import (
	"os"
	"strings"
	"testing"
)

// The README shows the diagram that looplab draws from the table.
func TestDiagram_IsTheOneInTheREADME(t *testing.T) {
	want, err := Diagram()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```mermaid\n")
	got, _, ok := strings.Cut(rest, "```")
	if !ok || got != want {
		t.Errorf("the README's mermaid block is not the table's. Put this there:\n```mermaid\n%s```", want)
	}
}
