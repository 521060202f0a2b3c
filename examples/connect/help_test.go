package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/session"
)

func TestHelp(t *testing.T) {
	r := play(t, "-h").want(exitReady).tells("connect:", "exit status", "examples")
	if r.stderr != "" {
		t.Errorf("standard error: %s", r.stderr)
	}
	for f := range strings.FieldsSeq("host host-address host-name port user timeout options local-name ca attempts retry-replies proxy json trace") {
		if !regexp.MustCompile(`(?m)^  -` + f + ` `).MatchString(help) {
			t.Errorf("-%s is not explained", f)
		}
	}
	for _, w := range []string{"EHLO_PASSWORD", "NO_COLOR", "TERM=dumb"} {
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
