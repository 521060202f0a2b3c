package events

import (
	"errors"

	"github.com/ehlo-go/ehlo/smtp"
)

// guarded calls f, and turns its panic into an error of smtp.KindPanic. where
// says what f is, and is asked only then.
func guarded(where func() string, f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &smtp.Error{Kind: smtp.KindPanic, Err: smtp.NewPanicError(where(), v)}
		}
	}()
	f()
	return nil
}

// stackOf returns the stack of a panic.
func stackOf(err error) []byte {
	if p, ok := errors.AsType[*smtp.PanicError](err); ok {
		return p.Stack
	}
	return nil
}
