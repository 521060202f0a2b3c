package setup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
)

// echoes reports whether a terminal shows what is typed.
func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	var state syscall.Termios
	if err := playtest.Control(f, syscall.TCGETS, unsafe.Pointer(&state)); err != nil {
		t.Fatal(err)
	}
	return state.Lflag&syscall.ECHO != 0
}

// A person types a line or is interrupted. Nothing typed is shown,
// and afterwards the terminal is as before.
func TestAskerOn_ReadsWithoutEcho(t *testing.T) {
	interrupted := errors.New("interrupted")
	for _, c := range []struct {
		typed, want string
		err         error
	}{
		{"hunter2\n", "hunter2", nil},
		{"\n", "", nil},
		{"hun", "", interrupted},
	} {
		others := goleak.IgnoreCurrent()
		person, program := playtest.PseudoTerminal(t)
		var shown bytes.Buffer
		ask := AskerOn(program, &shown)
		if ask == nil {
			t.Fatal("a terminal is not asked")
		}
		if !echoes(t, program) {
			t.Fatal("no echo to begin with")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		typing := make(chan struct{})
		go func() {
			defer close(typing)
			for echoes(t, program) && ctx.Err() == nil {
				runtime.Gosched()
			}
			_, _ = person.WriteString(c.typed)
			if c.err != nil {
				cancel()
			}
		}()
		got, err := ask(ctx, "Password: ")
		<-typing
		if got != c.want || (err != nil) != (c.err != nil) || err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%q: %q, %v", c.typed, got, err)
		}
		if shown.String() != "Password: \n" || !echoes(t, program) {
			t.Errorf("%q: %q is shown, echo is %v", c.typed, shown.String(), echoes(t, program))
		}
		cancel()
		if c.err != nil {
			_, _ = person.WriteString("\n") // ends the read that nothing interrupts
		}
		goleak.VerifyNone(t, others)
	}
}

func TestAskerOn_NoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if AskerOn(f, os.Stderr) != nil {
		t.Error("a file is asked")
	}
}
