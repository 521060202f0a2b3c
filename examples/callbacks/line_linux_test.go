package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/letter"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/examples/internal/show"
	"github.com/ehlo-go/ehlo/smtptest"
)

// onTerminal runs the program on a terminal and returns what a person there gets.
func onTerminal(t *testing.T, ctx context.Context, columns uint16, env map[string]string, status int, args ...string) string {
	t.Helper()
	return watched(t, ctx, io.Discard, columns, env, status, args...)
}

// watched is onTerminal with someone who sees everything at once.
func watched(t *testing.T, ctx context.Context, eyes io.Writer, columns uint16, env map[string]string, status int, args ...string) string {
	t.Helper()
	person, program := playtest.PseudoTerminal(t)
	playtest.Resize(t, program, columns)
	shown := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(io.TeeReader(person, eyes)) // until the program's side is closed, which is an error here
		shown <- string(all)
	}()
	if got := run(ctx, setup.Process{Args: args, Env: playtest.EnvOf(env), Stdout: program, Stderr: os.Stderr}); got != status {
		t.Errorf("exit status %d, want %d", got, status)
	}
	_ = program.Close()
	return <-shown
}

var escapes = regexp.MustCompile("\x1b\\[[?0-9]*[a-zA-Z]")

// checkLine looks at the line on a terminal: no state of it is wider than the
// terminal, only our own escapes are in it, the cursor is hidden once and given
// back at the end. It returns the states.
func checkLine(t *testing.T, shown string, columns int) []string {
	t.Helper()
	_, line, found := strings.Cut(shown, hideCursor)
	line, rest, ended := strings.Cut(line, showCursor+"\r\n")
	if !found || !ended || strings.Contains(line, "\n") || strings.Contains(rest, hideCursor) {
		t.Fatalf("not one line between hiding the cursor and showing it: %q", shown)
	}
	var states []string
	for state := range strings.SplitSeq(strings.TrimPrefix(line, "\r"), "\r") {
		text, whole := strings.CutSuffix(state, clearTheEnd)
		text = escapes.ReplaceAllString(text, "")
		if playtest.CheckPrintable(t, text); !whole || show.Wide(text) >= columns {
			t.Errorf("%d columns of %d, or something stays behind it: %q", show.Wide(text), columns, state)
		}
		states = append(states, text)
	}
	return states
}

func TestLine_OnATerminal(t *testing.T) {
	for _, c := range []struct {
		columns  uint16
		env      map[string]string
		coloured bool
		ends     string
	}{
		{120, map[string]string{"TERM": "xterm"}, true, "Sent to 2 of 3 recipients. Connection lost: 421 4.4.2 idle for too long, good bye"},
		{30, map[string]string{"TERM": "xterm"}, true, "Sent to 2 of 3 recipients. C…"},
		{30, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false, "Sent to 2 of 3 recipients. C…"},
	} {
		t.Run(fmt.Sprint(c.columns, c.env), func(t *testing.T) {
			t.Parallel()
			shown := onTerminal(t, t.Context(), c.columns, c.env, letter.ExitAccepted)
			states := checkLine(t, shown, int(c.columns))
			if states[0] != "Looking up mail.example…" || states[len(states)-1] != c.ends || len(states) < 20 {
				t.Errorf("%d states: %q", len(states), states)
			}
			if coloured := strings.Contains(shown, "\x1b[32mLogged in\x1b[0m") && strings.Contains(shown, "\x1b[31mSent to 2"); coloured != c.coloured {
				t.Errorf("%v: %q", c.env, shown)
			}
			if !c.coloured && regexp.MustCompile("\x1b\\[[0-9]*m").MatchString(shown) {
				t.Errorf("%v: colours in %q", c.env, shown)
			}
		})
	}
}

// A dumb terminal gets plain lines.
func TestLine_OnADumbTerminal(t *testing.T) {
	t.Parallel()
	shown := onTerminal(t, t.Context(), 80, map[string]string{"TERM": "dumb"}, letter.ExitAccepted, "-stay", "1ms")
	if playtest.CheckPrintable(t, strings.ReplaceAll(shown, "\r\n", "\n")); !strings.Contains(shown, "\r\nLogged in\r\n") {
		t.Errorf("%q", shown)
	}
}

// impatient presses Ctrl-C when it has read a text.
type impatient struct {
	read   strings.Builder
	text   string
	cancel context.CancelFunc
}

func (i *impatient) Write(p []byte) (int, error) {
	i.read.Write(p)
	if strings.Contains(i.read.String(), i.text) {
		i.cancel()
	}
	return len(p), nil
}

// Ctrl-C gives the cursor back, though not before what followed it was said.
func TestLine_CancelGivesTheCursorBack(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	args := letterTo(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Silence()}})
	eyes := &impatient{text: "Asking what", cancel: cancel}
	shown := watched(t, ctx, eyes, 80, map[string]string{"TERM": "xterm"}, setup.ExitFailed, args...)
	if strings.Count(shown, hideCursor) != 1 || strings.Count(shown, showCursor) != 1 || strings.LastIndex(shown, hideCursor) > strings.LastIndex(shown, showCursor) {
		t.Errorf("the cursor is gone: %q", shown)
	}
	if !strings.HasSuffix(shown, "\r\n") || !strings.Contains(shown, "Not connected: ") {
		t.Errorf("%q", shown)
	}
}
