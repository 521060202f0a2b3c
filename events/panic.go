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
	Value string
	Stack []byte // of the goroutine that panicked
}

// Error names what panicked and its value; the stack is in the field.
func (e *PanicError) Error() string { return e.Where + " panicked: " + e.Value }

// panicked makes the error for what recover returned.
func panicked(where string, v any) error {
	return &smtp.Error{Kind: smtp.KindPanic, Err: &PanicError{Where: where, Value: fmt.Sprint(v), Stack: debug.Stack()}}
}

// stackOf returns the stack of a panic.
func stackOf(err error) []byte {
	if p, ok := errors.AsType[*PanicError](err); ok {
		return p.Stack
	}
	return nil
}
