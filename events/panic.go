package events

// PanicError is the cause of an error of smtp.KindPanic.
type PanicError struct {
	Where string // what panicked, such as "hook *main.myHook"
	Value string
	Stack []byte // of the goroutine that panicked
}

// Error names what panicked and its value; the stack is in the field.
func (e *PanicError) Error() string { return e.Where + " panicked: " + e.Value }
