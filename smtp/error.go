package smtp

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
)

// Error is the one error type of ehlo: what failed, in which phase, at which
// command, and what the server said.
//
// errors.Is finds the sentinel of its Kind ([ErrTimeout], [ErrRefused], …) and
// whatever Err wraps, such as context.Canceled or the context's cause.
type Error struct {
	// Kind is set where the error is born.
	Kind Kind
	// Phase is the name of the state the session was in: "dial", "greeting", ….
	Phase string
	// Command is the verb that was being answered, if one was: "EHLO".
	Command string
	// Reply is what the server said, if it spoke. Not trusted.
	Reply Reply
	// Enhanced is the status code that a report would give for a refusal made here,
	// before the server was asked, where one fits: 5.6.7 (RFC 6531). That of a
	// server is in Reply.
	Enhanced EnhancedCode
	// Permanent says that the same attempt will fail again: a 5yz reply, an
	// unknown host, an invalid argument. A failure of TLS policy, or a login that
	// this connection does not offer or permit, is not permanent for a message:
	// another time or another host may do.
	Permanent bool
	// Err is the cause, if there is one.
	Err error
}

// Error returns "phase: command: what: reply: cause", escaped.
func (e *Error) Error() string {
	parts := make([]string, 0, 5)
	for _, s := range []string{e.Phase, e.Command} {
		if s != "" {
			parts = append(parts, Escape(s))
		}
	}
	if row := e.Kind.Row(); row.Err != nil {
		parts = append(parts, row.Err.Error())
	}
	if !e.Enhanced.IsZero() {
		parts = append(parts, e.Enhanced.String())
	}
	if !e.Reply.IsZero() {
		parts = append(parts, e.Reply.String())
	}
	if e.Err != nil {
		parts = append(parts, escape(e.Err.Error(), false))
	}
	if len(parts) == 0 {
		return "smtp: unknown error"
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the sentinel of e's Kind.
func (e *Error) Is(target error) bool {
	row := e.Kind.Row()
	return row.Err != nil && target == row.Err
}

// Timeout reports whether time ran out: one of Timeouts, or the deadline of
// the caller's context.
func (e *Error) Timeout() bool {
	return e.Kind == KindTimeout ||
		e.Kind == KindCanceled && (errors.Is(e.Err, context.DeadlineExceeded) || errors.Is(e.Err, os.ErrDeadlineExceeded))
}

// ErrorType returns the value of error.type for spans and metrics: the digits
// of the reply that refused, else the name of the Kind.
func (e *Error) ErrorType() string {
	if e.Kind == KindReply && e.Reply.Negative() {
		return strconv.Itoa(e.Reply.Code)
	}
	return e.Kind.String()
}

// Code returns a stable number for err: 0 for nil; the reply code when the
// server spoke, but for a 2yz, which would look like success; else that of the
// table of kinds, which follows Winsock where one fits (10060 timeout, 10061
// refused, 11001 host not found, 10004 canceled); 1 for an error that is not
// ehlo's.
func Code(err error) int {
	if err == nil {
		return 0
	}
	var e *Error
	if !errors.As(err, &e) {
		return 1
	}
	if !e.Reply.IsZero() && !e.Reply.Positive() {
		return e.Reply.Code
	}
	return e.Kind.Row().Code
}

// Invalid returns an error of KindInvalid: what was given and what was
// expected, in the format of fmt.Errorf's message. Values of the caller are
// escaped when the error is printed.
func Invalid(message string) *Error {
	return &Error{Kind: KindInvalid, Permanent: true, Err: errors.New(message)}
}
