package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/bench/internal/table"
)

// play runs the program.
func play(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = process{stdout: &out, stderr: &err}.run(t.Context(), args)
	return status, out.String(), err.String()
}

func TestRun_ABadCommandLineIsRefused(t *testing.T) {
	for _, c := range []struct{ args, said string }{
		{"-speed", "not defined: -speed"},
		{"session/plain", `"session/plain" is no flag`},
		{"-rounds 0", "-rounds 0: at least 1"},
		{"-rounds x", "parse error"},
		{"-work (", "-work: error parsing regexp"},
		{"-work nothing", "no work has such a name"},
		{"-grow=", "-grow wants a directory"},
		{"-grow a -gc", "two runs"},
		{"-gc -json", "about the table"},
		{"-grow a -work b", "about the table"},
		{"-gc -rounds 2", "-gc knows no rounds"},
	} {
		status, out, said := play(t, strings.Fields(c.args)...)
		if status != exitUsage || out != "" || !strings.Contains(said, c.said) || !strings.HasSuffix(said, "bench: -h tells what there is\n") {
			t.Errorf("%s: %d, %q, %q", c.args, status, out, said)
		}
	}
}

func TestRun_HelpNamesEveryFlagAndFitsATerminal(t *testing.T) {
	status, out, said := play(t, "-h")
	if status != exitDone || said != "" {
		t.Error(status, said)
	}
	for _, flag := range []string{"-work", "-list", "-rounds", "-quick", "-grow", "-gc", "-json", "-strict", "-h"} {
		if !strings.Contains(out, "\n  "+flag+" ") {
			t.Error(flag, "is not in the help")
		}
	}
	for line := range strings.Lines(out) {
		if len(line) > 81 {
			t.Errorf("wide: %q", line)
		}
	}
}

func TestRun_ListsWorksAndBatches(t *testing.T) {
	status, out, _ := play(t, "-list", "-work", "20MB/data|idle", "-rounds", "2")
	if want := "idle/plain        3000 sessions  x 1 rounds\nidle/tls          3000 sessions  x 1 rounds\n" +
		"20MB/data/known   8 messages     x 6 rounds\n20MB/data/reader  8 messages     x 6 rounds\n"; status != exitDone || out != want {
		t.Errorf("%d\n%s", status, out)
	}
}

func TestRun_PrintsTheTable(t *testing.T) {
	status, out, said := play(t, "-quick", "-work", "10kB/full/plain")
	if status != exitDone || said != "" {
		t.Fatal(status, said)
	}
	for _, want := range []string{"machine  ", "go       go1.", "date     2", tooShort, "10 kB message, one flight, us", " x raw ", "80 messages"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

func TestRun_JSONHasEverySample(t *testing.T) {
	status, out, said := play(t, "-quick", "-rounds", "2", "-json", "-work", "session/plain")
	if status != exitDone || said != "" {
		t.Fatal(status, said)
	}
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if !r.Quick || r.Machine.Cores < 1 || len(r.Works) != 1 || len(r.Works[0].Of("ehlo")) != 2 || len(r.Lines) != 3 || r.Lines[0].Verdict == "" {
		t.Errorf("%s", out)
	}
}

func TestVerdict_OnlyStrictMindsAMiss(t *testing.T) {
	ok, miss := table.Line{Verdict: table.OK}, table.Line{Verdict: table.Miss}
	for _, c := range []struct {
		strict bool
		lines  []table.Line
		want   int
	}{
		{false, []table.Line{ok, miss}, exitDone},
		{true, []table.Line{ok, miss}, exitFailed},
		{true, []table.Line{ok, {Verdict: table.Unmarked}, {Verdict: table.Unknown}}, exitDone},
	} {
		if got := verdict(c.strict, c.lines); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// Round trips are counted, so their marks are reached on any machine.
func TestRun_StrictIsContentWhereEveryMarkIsReached(t *testing.T) {
	if status, out, said := play(t, "-quick", "-strict", "-work", "distant"); status != exitDone {
		t.Error(status, out, said)
	}
}

func TestRun_GrowsAndCollects(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plots")
	if status, out, said := play(t, "-quick", "-grow", dir); status != exitDone || !strings.Contains(out, "written to "+dir) {
		t.Error(status, out, said)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 6 {
		t.Error(files, err)
	}
	if status, out, said := play(t, "-quick", "-gc"); status != exitDone || !strings.Contains(out, "GOGC=100") {
		t.Error(status, out, said)
	}
}

func TestRun_CtrlCEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, said bytes.Buffer
	status := process{stdout: &out, stderr: &said, live: true}.run(ctx, []string{"-work", "session/plain"})
	if status != exitFailed || !strings.Contains(said.String(), context.Canceled.Error()) {
		t.Error(status, out.String(), said.String())
	}
}
