package main

import (
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

// What is wrong with a message stops the program before anything is dialled.
func TestParse_MisuseIsStatus2(t *testing.T) {
	host := []string{"-host", "127.0.0.1", "-port", playtest.ClosedPort(t), "-json"}
	file := letterFile(t)
	for want, args := range map[string][]string{
		"-nonsense":           {"-nonsense"},
		"-from is missing":    {"-to", "a@example.net", "-file", file},
		"-to is missing":      {"-from", "a@example.net", "-file", file},
		"From":                {"-from", "a b@example.net", "-to", "a@example.net", "-file", file},
		"Recipients[1]":       {"-from=", "-to", "a@example.net", "-to", "a@example.net,b@example.net", "-file", file},
		"no such file":        {"-from=", "-to", "a@example.net", "-file", file + "x"},
		"envelope, full or":   {"-flight", "fast"},
		"accepted or all":     {"-policy", "some"},
		"ret=full":            {"-dsn", "ret=all"},
		"notify=never":        {"-dsn", "notify=always"},
		`"delay"`:             {"-dsn", "envid=1,delay"},
		"envid=ID":            {"-dsn", "envid="},
		`""`:                  {"-dsn", ""},
		"NotifyNever alone":   {"-from=", "-to", "a@example.net", "-file", file, "-dsn", "notify=never,delay"},
		"printable ASCII":     {"-from=", "-to", "a@example.net", "-file", file, "-dsn", "envid=é"},
		"UserName is missing": {"-from=", "-to", "a@example.net", "-file", file, "-auth"},
	} {
		r := play(t, append(args, host...)...).Want(setup.ExitUsage)
		if r.Stdout != "" || !strings.Contains(r.Stderr, want) || !strings.Contains(r.Stderr, "-h") {
			t.Errorf("%q: standard output %q, standard error %q", args, r.Stdout, r.Stderr)
		}
	}
}
