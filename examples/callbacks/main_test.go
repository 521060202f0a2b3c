package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/ehlo-go/ehlo/examples/internal/letter"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/examples/internal/show"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// playOn runs the program with no environment and no terminal.
func playOn(t *testing.T, ctx context.Context, inMemory bool, args ...string) playtest.Result {
	t.Helper()
	return playtest.Play(t, ctx, func(ctx context.Context, stdout, stderr io.Writer) int {
		return play(ctx, setup.Process{Args: args, Env: playtest.EnvOf(nil), Stdout: stdout, Stderr: stderr}, inMemory)
	})
}

// letterTo returns the flags for a small message to a server: to a@, then
// b@example.net.
func letterTo(t *testing.T, cfg smtptest.Config, more ...string) []string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "letter.eml")
	if err := os.WriteFile(name, []byte("Subject: x\n\nhello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return playtest.Server(t, cfg, append([]string{"-from", "from@example.org", "-to", "a@example.net", "-to", "b@example.net",
		"-file", name, "-attempts", "1"}, more...)...)
}

// told is the beginning of the story, line by line.
const told = `
No host is given, so the program serves itself: mail.example on 192.0.2.25:25,
with a certificate of its own. -h tells how to reach a real server.
Looking up mail.example…
Connecting to 192.0.2.25…
Connected to 192.0.2.25:25, waiting for its greeting…
Connection lost: 421 4.3.2 too busy, come back soon
Waiting 0.4 s before another try: 421 4.3.2 too busy, come back soon
Looking up mail.example…
Connecting to 192.0.2.25…
Connected to 192.0.2.25:25, waiting for its greeting…
Asking what mail.example can do…
Securing the connection…
Securing the connection (TLS 1.3)…
Connected to mail.example
Logging in…
Logged in
Sending…
Not for nobody@example.net: 550 5.1.1 nobody lives here under that name
`

// The whole program in virtual time: what it says, and how long it takes.
func TestPlay_TheStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		r := playOn(t, t.Context(), true).Want(letter.ExitAccepted)
		took := time.Since(begun)
		rest, found := strings.CutPrefix(r.Stdout, strings.TrimPrefix(told, "\n"))
		if !found {
			t.Fatalf("it begins differently:\n%s", r.Stdout)
		}
		// How the content falls into records is TLS's to decide, and so are the shares.
		shares := regexp.MustCompile(`^(?:Sending \d+ % \(\d\.\d of 2\.6 MB\)…\n){8,15}`).FindString(rest)
		const end = "Waiting for the server to take the message…\nSent to 2 of 3 recipients\n" +
			"Sent to 2 of 3 recipients. Connection lost: 421 4.4.2 idle for too long, good bye\n"
		if shares == "" || rest[len(shares):] != end {
			t.Errorf("it ends differently:\n%s", rest)
		}
		if r.Stderr != "" || took < 2*time.Second || took > 3*time.Second {
			t.Errorf("%v, standard error %q", took, r.Stderr)
		}
	})
}

// Over a socket too, as everybody gets it.
func TestPlay_TheStoryOverASocket(t *testing.T) {
	t.Parallel()
	playOn(t, t.Context(), false).Want(letter.ExitAccepted).Tells("No host is given", "Looking up", "421 4.3.2", "Waiting 0.4 s", "Securing the connection (TLS 1.3)…",
		"Logged in", "Not for nobody@example.net: 550", " of 2.6 MB)…", "Sent to 2 of 3 recipients\n", "Connection lost: 421 4.4.2")
}

// What one changes of it is taken: others get it, and who is not known to the
// server is refused his login.
func TestPlay_TheStoryWithOthers(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		tells  []string
	}{
		{[]string{"-to", "a@example.net"}, letter.ExitAccepted, []string{"Logged in", "\nSent\n", "Sent. Connection lost: 421"}},
		{[]string{"-to", "a@example.net", "-stay", "1ms"}, letter.ExitAccepted, []string{"\nSent\n", "Sent. Disconnecting…\n", "Sent. Disconnected\n"}},
		{[]string{"-user", "eve", "-auth"}, setup.ExitFailed, []string{"Logging in…", "Not logged in: 535", "Disconnected"}},
		{[]string{"-attempts", "1"}, setup.ExitFailed, []string{"Connection lost: 421", "Not connected: 421 4.3.2"}},
		{[]string{"-options", "Extended|SecureImplicit"}, letter.ExitAccepted, []string{"Securing the connection (TLS 1.3)…", "Connected to mail.example\n"}},
	} {
		synctest.Test(t, func(t *testing.T) { playOn(t, t.Context(), true, c.args...).Want(c.status).Tells(c.tells...) })
	}
}

// A server of one's own: nothing of the story, and the exit status tells.
func TestPlay_ARealServer(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		on     map[string]smtptest.Step
		status int
	}{
		"\nSent\n":                                        {nil, letter.ExitAccepted},
		"\nSent to 1 of 2 recipients\n":                   {map[string]smtptest.Step{"RCPT": smtptest.Sequence(smtptest.Say("550 no"), smtptest.Usual())}, letter.ExitSome},
		"\nRefused: 554 5.7.1 no":                         {map[string]smtptest.Step{"CONTENT": smtptest.Say("554 5.7.1 no")}, setup.ExitFailed},
		"\nPerhaps sent: mail: .: connection lost":        {map[string]smtptest.Step{"CONTENT": smtptest.Close()}, letter.ExitUnknown},
		"\nNot sent: mail: MAIL: connection lost":         {map[string]smtptest.Step{"MAIL": smtptest.Close()}, setup.ExitFailed},
		"\nNot connected: greeting: connection lost":      {map[string]smtptest.Step{"GREETING": smtptest.Close()}, setup.ExitFailed},
		"\nNot connected: 554 go \\x1b[31maway\\a, you\n": {map[string]smtptest.Step{"GREETING": smtptest.Say("554 go \x1b[31maway\x07, you")}, setup.ExitFailed},
	} {
		r := playOn(t, t.Context(), false, letterTo(t, smtptest.Config{On: c.on, Keywords: []string{"8BITMIME"}})...).Want(c.status).Tells(want)
		if strings.Contains(r.Stdout, "No host") || strings.Contains(r.Stdout, "Logging in") {
			t.Errorf("something of the story:\n%s", r.Stdout)
		}
	}
}

// It stays to see the server leave, and does not wait longer than that.
func TestPlay_Stay(t *testing.T) {
	t.Parallel()
	leave := smtptest.Then(smtptest.Usual(), func(c *smtptest.Conn) {
		_ = c.Reply(421, "bye")
		c.Close()
	})
	args := letterTo(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": leave}}, "-stay", "1h")
	playOn(t, t.Context(), false, args...).Want(letter.ExitAccepted).Tells("\nSent. Connection lost: 421 bye\n")
}

// Ctrl-C ends it in every phase.
func TestPlay_Cancel(t *testing.T) {
	t.Parallel()
	for moment, want := range map[string]string{"GREETING": "Not connected: ", "EHLO": "Not connected: ", "MAIL": "Not sent: ", "QUIT": "Sent. Disconnect"} {
		ctx, cancel := context.WithCancel(t.Context())
		step := func(c *smtptest.Conn) {
			cancel()
			smtptest.Silence()(c)
		}
		status := setup.ExitFailed
		if moment == "QUIT" {
			status = letter.ExitAccepted
		}
		begun := time.Now()
		playOn(t, ctx, false, letterTo(t, smtptest.Config{On: map[string]smtptest.Step{moment: step}})...).Want(status).Tells(want)
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%s: %v", moment, took)
		}
		cancel()
	}
}

func TestPlay_Trace(t *testing.T) {
	t.Parallel()
	r := playOn(t, t.Context(), false, letterTo(t, smtptest.Config{}, "-trace")...).Want(letter.ExitAccepted)
	if !strings.Contains(r.Stderr, "\n  smtp.send ") || strings.Contains(r.Stdout, "smtp.send") {
		t.Errorf("standard error: %s", r.Stderr)
	}
}

// What is wrong stops it before anything is dialled.
func TestPlay_MisuseIsStatus2(t *testing.T) {
	for want, args := range map[string][]string{
		"-nonsense":        {"-nonsense"},
		"-json":            {"-json"},
		"want a duration":  {"-stay", "long"},
		"-stay -5s":        {"-stay", "-5s"},
		"-port 70000":      {"-port", "70000"},
		"-from is missing": {"-host", "127.0.0.1"},
		"no such file":     {"-file", filepath.Join(t.TempDir(), "none.eml")},
	} {
		r := playOn(t, t.Context(), false, args...).Want(setup.ExitUsage)
		if r.Stdout != "" || !strings.Contains(r.Stderr, want) || !strings.Contains(r.Stderr, "-h") {
			t.Errorf("%q: standard output %q, standard error %q", args, r.Stdout, r.Stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	r := playOn(t, t.Context(), false, "-h").Want(setup.ExitDone).Tells("callbacks:", "the message", "exit status", "examples")
	if r.Stderr != "" {
		t.Errorf("standard error: %s", r.Stderr)
	}
	for f := range strings.FieldsSeq("from to file flight policy dsn host host-address host-name port user timeout options local-name ca attempts retry-replies proxy auth mechanism auth-in-clear stay trace") {
		if !regexp.MustCompile(`(?m)^  -` + f + ` `).MatchString(help) {
			t.Errorf("-%s is not explained", f)
		}
	}
	for line := range strings.Lines(help) {
		if line = strings.TrimSuffix(line, "\n"); show.Wide(line) > show.Columns {
			t.Errorf("%d columns: %s", show.Wide(line), line)
		}
	}
	for status := range strings.FieldsSeq("0 1 2 3 4") {
		if _, list, _ := strings.Cut(help, "exit status\n"); !strings.Contains("\n"+list, "\n  "+status+"  ") {
			t.Errorf("status %s is not explained", status)
		}
	}
}
