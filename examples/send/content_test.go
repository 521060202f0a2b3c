package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/letter"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/smtptest"
)

// somebody is at a terminal.
func somebody(context.Context, string) (string, error) { return "", io.EOF }

// pipe returns standard input of a program that writes nothing by itself.
func pipe(t *testing.T) (in, out *os.File) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = out.Close() // ends a read that nothing interrupts
		_, _ = io.Copy(io.Discard, in)
		_ = in.Close()
	})
	return in, out
}

// A pipe, a file and what is typed arrive alike.
func TestOpen_StandardInput(t *testing.T) {
	const text = "Subject: x\n\nhello\n"
	typed := setup.Process{Ask: somebody}
	for name, c := range map[string]struct {
		p      setup.Process
		args   []string
		isFile bool
		asks   bool
	}{
		"a pipe":       {},
		"a pipe by -":  {args: []string{"-file", "-"}},
		"a file":       {isFile: true},
		"a terminal":   {p: typed, args: []string{"-file", "-"}, asks: true},
		"for embedded": {args: []string{"-file", "-"}},
	} {
		in, out := pipe(t)
		if c.isFile {
			f, err := os.Open(letterFile(t))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			in = f
		}
		_, _ = out.WriteString(text)
		_ = out.Close()
		srv, args := playtest.Serve(t, smtptest.Config{}, "-from=", "-to", "a@example.net")
		c.p.Stdin, c.p.Args = in, append(args, c.args...)
		if name == "for embedded" {
			c.p.Args = c.args
		}
		r := playWith(t, t.Context(), c.p).Want(letter.ExitAccepted)
		if (r.Stderr != "") != c.asks {
			t.Errorf("%s: standard error %q", name, r.Stderr)
		}
		if name == "for embedded" {
			r.Tells("What arrived", "│ hello")
			continue
		}
		want := strings.ReplaceAll(text, "\n", "\r\n")
		if c.isFile {
			want = "Subject: x\r\n\r\n.\r\nend\r\n"
		}
		if m := srv.Messages(); len(m) != 1 || string(m[0].Content) != want {
			t.Errorf("%s: stored is %+v", name, m)
		}
	}
}

// It is not read without need: a pipe that never ends would hang, and so would a
// terminal.
func TestOpen_DoesNotWait(t *testing.T) {
	in, _ := pipe(t)
	playWith(t, t.Context(), setup.Process{Stdin: in}).Want(letter.ExitAccepted).Tells("What arrived", "A sample")
	r := playWith(t, t.Context(), setup.Process{Stdin: in, Ask: somebody, Args: []string{"-host", "127.0.0.1", "-port", playtest.ClosedPort(t),
		"-from=", "-to", "a@example.net"}}).Want(setup.ExitUsage)
	if !strings.Contains(r.Stderr, "-file is missing") {
		t.Errorf("standard error: %q", r.Stderr)
	}
}

// Ctrl-C ends a program whose standard input hangs in the middle of the content.
func TestOpen_CancelWhileItHangs(t *testing.T) {
	t.Parallel()
	in, out := pipe(t)
	const line, lines = 700, 100 // more than is read before anything is said
	reached := make(chan struct{})
	args := playtest.Server(t, smtptest.Config{Keywords: []string{"8BITMIME"}, On: map[string]smtptest.Step{"DATA": func(c *smtptest.Conn) {
		c.Write("354 go on\r\n")
		for range lines / 2 {
			if _, err := c.ReadLine(); err != nil {
				return
			}
		}
		close(reached)
		smtptest.Silence()(c)
	}}}, "-from=", "-to", "a@example.net", "-json")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	go func() { _, _ = out.WriteString(strings.Repeat(strings.Repeat("x", line-1)+"\n", lines)) }()
	r := playWith(t, ctx, setup.Process{Stdin: in, Args: args}).Want(setup.ExitFailed)
	if o := last(t, r); outcomes(o) != "not_sent not_sent" {
		t.Errorf("%v", o)
	}
}

// Standard input that nobody comes to read is given up with the context: goleak
// looks for the goroutine.
func TestOpen_NotConnected(t *testing.T) {
	in, out := pipe(t)
	_, _ = out.WriteString("Subject: x\n")
	playWith(t, t.Context(), setup.Process{Stdin: in, Args: []string{"-host", "127.0.0.1", "-port", playtest.ClosedPort(t), "-attempts", "1",
		"-from=", "-to", "a@example.net"}}).Want(setup.ExitFailed).Tells("Not connected")
}

func TestOpen_ADirectoryIsNoMessage(t *testing.T) {
	r := play(t, "-host", "127.0.0.1", "-port", playtest.ClosedPort(t), "-from=", "-to", "a@example.net", "-file", t.TempDir()).Want(setup.ExitUsage)
	if !strings.Contains(r.Stderr, "is a directory") {
		t.Errorf("standard error: %q", r.Stderr)
	}
}

// A large message is told of once in a text, with what it took.
func TestOpen_LargeFile(t *testing.T) {
	name := letterFile(t)
	if err := os.WriteFile(name, []byte("Subject: x\n\n"+strings.Repeat(strings.Repeat("x", 63)+"\n", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	r := play(t, "-file", name).Want(letter.ExitAccepted).Tells("OnProgress", "6500014 octets", "Receipt", "6500014 octets by BDAT", "What arrived", "6500014 octets")
	if strings.Count(r.Stdout, "OnProgress") != 1 {
		t.Errorf("not once:\n%s", r.Stdout)
	}
}
