package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/letter"
)

func TestHelp(t *testing.T) {
	r := play(t, "-h").Want(letter.ExitAccepted).Tells("send:", "the message", "exit status", "examples")
	if r.Stderr != "" {
		t.Errorf("standard error: %s", r.Stderr)
	}
	for f := range strings.FieldsSeq("from to file flight policy dsn host host-address host-name port user timeout options local-name ca attempts retry-replies proxy auth mechanism auth-in-clear json trace") {
		if !regexp.MustCompile(`(?m)^  -` + f + ` `).MatchString(help) {
			t.Errorf("-%s is not explained", f)
		}
	}
	for status := range strings.FieldsSeq("0 1 2 3 4") {
		if _, list, _ := strings.Cut(help, "exit status\n"); !strings.Contains("\n"+list, "\n  "+status+"  ") {
			t.Errorf("status %s is not explained", status)
		}
	}
}
