package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/session"
)

func TestHelp(t *testing.T) {
	r := play(t, "-h").Want(setup.ExitDone).Tells("connect:", "exit status", "examples")
	if r.Stderr != "" {
		t.Errorf("standard error: %s", r.Stderr)
	}
	for f := range strings.FieldsSeq("host host-address host-name port user timeout options local-name ca attempts retry-replies proxy auth mechanism auth-in-clear json trace") {
		if !regexp.MustCompile(`(?m)^  -` + f + ` `).MatchString(help) {
			t.Errorf("-%s is not explained", f)
		}
	}
	for _, w := range []string{"EHLO_PASSWORD", "EHLO_TOKEN", "NO_COLOR", "TERM=dumb"} {
		if !strings.Contains(help, w) {
			t.Errorf("%s is not explained", w)
		}
	}
}

// The table of options says what the library says.
func TestHelp_Options(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^ +(\w+) +(0x[0-9a-f]+) `).FindAllStringSubmatch(help, -1)
	var all session.Options
	for _, row := range rows {
		name, err := session.ParseOptions(row[1])
		number, err2 := session.ParseOptions(row[2])
		if err != nil || err2 != nil || name != number {
			t.Errorf("%s is %v, %s is %v", row[1], name, row[2], number)
		}
		all |= number
	}
	if len(rows) != 7 || (^all).Validate() == nil {
		t.Errorf("%d options in the table: %v", len(rows), all)
	}
}

// The mechanisms that -mechanism tells of are those that package auth knows.
func TestHelp_Mechanisms(t *testing.T) {
	err := auth.Credentials{Mechanism: "?"}.Validate()
	_, known, _ := strings.Cut(fmt.Sprint(err), "want ")
	_, told, _ := strings.Cut(help, "-mechanism NAME")
	told, _, _ = strings.Cut(told, "-auth-in-clear")
	isName := regexp.MustCompile(`[A-Z][A-Z0-9-]+[A-Z0-9]`)
	if want, got := isName.FindAllString(known, -1), isName.FindAllString(told, -1); len(want) < 8 || !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
