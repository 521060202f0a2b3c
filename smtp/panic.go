package smtp

import (
	"fmt"
	"runtime/debug"
)

// PanicError is the cause of an [Error] of KindPanic.
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

// Error names what panicked and its value, escaped by [Escape]; the stack is
// in the field.
func (e *PanicError) Error() string { return e.Where + " panicked: " + Escape(e.Value) }

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
