package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// ended returns an error of KindCanceled if the life was cut, or if the
// caller's context ended while connecting.
func (a *actor) ended() error {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	return a.endedLocked()
}

func (a *actor) endedLocked() error {
	switch {
	case a.l.cut != nil:
		return &smtp.Error{Kind: smtp.KindCanceled, Err: a.l.cut}
	case a.l.connecting && a.ctx.Err() != nil:
		return &smtp.Error{Kind: smtp.KindCanceled, Err: contextError(a.ctx)}
	}
	return nil
}

// explain completes an error with the phase, and asks whether the life was cut
// before it believes a timeout or a lost connection.
func (a *actor) explain(st fsm.State, err error) error {
	e := asError(err)
	switch e.Kind {
	case smtp.KindReply, smtp.KindProtocol, smtp.KindCertificate, smtp.KindNoTLS, smtp.KindPanic, smtp.KindInvalid:
	default:
		a.awaitDeadline()
		if ended := a.ended(); ended != nil {
			command := e.Command
			e = asError(ended)
			e.Command = command
		}
	}
	if e.Phase == "" {
		e.Phase = st.String()
	}
	return e
}

// awaitDeadline waits for the end of a caller's context whose deadline has
// passed: a dialer or a look-up that has the deadline for its own may see it a
// moment before the context's timer does.
func (a *actor) awaitDeadline() {
	if a.connecting == nil {
		return
	}
	if deadline, ok := a.ctx.Deadline(); !ok || time.Now().Before(deadline) {
		return
	}
	late := time.NewTimer(10 * time.Millisecond) // and not longer, should a foreign context never end
	defer late.Stop()
	select {
	case <-a.ctx.Done():
	case <-late.C:
	}
}

// isEOF reports an orderly end of the connection.
func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// asError finds the error of ehlo in err.
func asError(err error) *smtp.Error {
	var e *smtp.Error
	if errors.As(err, &e) {
		return e
	}
	return &smtp.Error{Err: err}
}

// contextError returns what ended ctx: its error, with its cause. It is called
// under locks and where nothing recovers, and calls no method of the cause.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	standard := err == context.Canceled || err == context.DeadlineExceeded
	if cause == nil || standard && cause == err { //nolint:errorlint // which would call methods
		return err
	}
	return &contextEnd{err, cause}
}

// contextEnd is a context's error with its cause, which may be a foreign error: what
// its methods break is kept here.
type contextEnd struct{ err, cause error }

// Error returns both, and the cause alone where that says the other.
func (e *contextEnd) Error() string {
	if says(e.cause, e.err) {
		return fmt.Sprint(e.cause) // which contains a panic
	}
	return fmt.Sprintf("%v: %v", e.err, e.cause)
}

// Is and As look into both.
func (e *contextEnd) Is(target error) bool { return says(e.err, target) || says(e.cause, target) }

func (e *contextEnd) As(target any) (found bool) {
	defer func() { _ = recover() }()
	return errors.As(e.cause, target) || errors.As(e.err, target)
}

// says is errors.Is of a foreign error.
func says(err, target error) (yes bool) {
	defer func() { _ = recover() }()
	return errors.Is(err, target)
}

// panicked makes the error for what recover returned.
func panicked(v any) *smtp.Error {
	return &smtp.Error{Kind: smtp.KindPanic, Err: smtp.NewPanicError("session", v)}
}

// contained calls f with an error, whose methods may be foreign. Where one panics,
// f is called with the error that says so, which is returned.
func contained(err error, f func(error)) (known error) {
	defer func() {
		if v := recover(); v != nil {
			known = panicked(v)
			f(known)
		}
	}()
	f(err)
	return err
}
