package letter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/smtp"
)

// Open finds the content. Standard input is read only where it was asked for, or
// where there is nothing else and it is no terminal. done closes a file.
func (l *Letter) Open(ctx context.Context, p setup.Process, embedded bool) (done func(), err error) {
	terminal := p.Ask != nil // somebody sits there, and can be asked
	switch {
	case l.file == "" && embedded:
		l.Content = strings.NewReader(l.sample())
		return func() {}, nil
	case l.file == "" && terminal:
		return nil, errors.New("-file is missing: want the message's file, or - to type it")
	case l.file == "" || l.file == "-":
		if info, err := p.Stdin.Stat(); err == nil && info.Mode().IsRegular() {
			l.Content = p.Stdin
			return func() {}, nil
		}
		if terminal {
			fmt.Fprintln(p.Stderr, l.program+": type the message, header first, and end it with the end of file (Ctrl-D)")
		}
		l.Content = until(ctx, p.Stdin)
		return func() {}, nil
	}
	f, err := os.Open(l.file)
	if err != nil {
		return nil, fmt.Errorf("-file: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return nil, fmt.Errorf("-file: %s is a directory: want the message's file", smtp.Escape(l.file))
	}
	l.Content = f
	return func() { _ = f.Close() }, nil
}

// until returns what in yields until ctx ends. Nothing interrupts a read of a
// terminal or a pipe; one that hangs ends with the process.
func until(ctx context.Context, in io.Reader) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, in)
		_ = w.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	return r
}
