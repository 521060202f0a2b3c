package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

func TestHelp(t *testing.T) {
	r := play(t, t.Context(), "-h").Want(setup.ExitDone).Tells("observe:", "/debug/smtp/", "/metrics", "exit status", "examples", "prometheus --config.file", "OTEL_EXPORTER_OTLP_ENDPOINT=")
	if r.Stderr != "" {
		t.Errorf("standard error: %s", r.Stderr)
	}
	for f := range strings.FieldsSeq("sessions think faults seed for messages listen h") {
		if !regexp.MustCompile(`(?m)^  -` + f + ` `).MatchString(help) {
			t.Errorf("-%s is not explained", f)
		}
	}
	for line := range strings.Lines(help) {
		if len(line) > 81 {
			t.Errorf("wider than a terminal: %s", line)
		}
	}
}

// The series that the examples ask for are those that there are.
func TestHelp_Series(t *testing.T) {
	known := make(map[string]bool)
	for _, m := range exported() {
		known[m.series()] = true
	}
	found := regexp.MustCompile(`smtp_client_\w+`).FindAllString(help, -1)
	for _, name := range found {
		if !known[strings.TrimSuffix(name, "_bucket")] {
			t.Errorf("there is no %s", name)
		}
	}
	if len(found) != 3 {
		t.Errorf("found %q", found)
	}
}
