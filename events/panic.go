package events

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/ehlo-go/ehlo/smtp"
)

// PanicError is the cause of an error of smtp.KindPanic.
type PanicError struct {
	Where string // what panicked, such as "hook *main.myHook"
	Value string // what it panicked with, as fmt prints it; its type if printing it panics too
	Stack []byte // of the goroutine that panicked
}

// NewPanicError returns the error for the value that recover returned, with the
// stack of the goroutine that calls it.
func NewPanicError(where string, value any) *PanicError {
	return &PanicError{Where: where, Value: printed(value), Stack: debug.Stack()}
}

// Error names what panicked and its value, escaped by smtp.Escape; the stack is
// in the field.
func (e *PanicError) Error() string { return e.Where + " panicked: " + smtp.Escape(e.Value) }

// printed prints the value of a panic. fmt contains the panic of a method Error
// or String, but not the second one, of a method that panics with its own value.
func printed(value any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T", value)
		}
	}()
	return fmt.Sprint(value)
}

// guarded calls f, and turns its panic into an error of smtp.KindPanic. where
// says what f is, and is asked only then.
func guarded(where func() string, f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &smtp.Error{Kind: smtp.KindPanic, Err: NewPanicError(where(), v)}
		}
	}()
	f()
	return nil
}

// stackOf returns the stack of a panic.
func stackOf(err error) []byte {
	if p, ok := errors.AsType[*PanicError](err); ok {
		return p.Stack
	}
	return nil
}
