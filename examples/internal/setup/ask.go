package setup

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Asker asks a person for a secret.
type Asker func(ctx context.Context, prompt string) (string, error)

// AskerOn returns one that reads a line from in without echo, nil if in is no
// terminal.
func AskerOn(in *os.File, out io.Writer) Asker {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		return nil
	}
	return func(ctx context.Context, prompt string) (string, error) {
		before, err := term.GetState(fd)
		if err != nil {
			return "", err
		}
		fmt.Fprint(out, prompt)
		defer fmt.Fprintln(out) // for the line break that was not echoed
		type answer struct {
			secret []byte
			err    error
		}
		answered := make(chan answer, 1)
		go func() {
			secret, err := term.ReadPassword(fd)
			answered <- answer{secret, err}
		}()
		select {
		case a := <-answered:
			return string(a.secret), a.err
		case <-ctx.Done(): // nothing interrupts the read; it ends with the process
			_ = term.Restore(fd, before)
			return "", ctx.Err()
		}
	}
}
