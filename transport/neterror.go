package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/ehlo-go/ehlo/smtp"
)

// dialError gives the failures of a dial one kind: that of the context, if it
// has ended, else that of the first failure.
func dialError(ctx context.Context, failures ...error) *smtp.Error {
	e := &smtp.Error{Err: dialErrors(failures)}
	if len(failures) == 1 {
		e.Err = failures[0]
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Kind, e.Err = smtp.KindCanceled, context.Cause(ctx)
	case ctx.Err() != nil:
		e.Kind = smtp.KindTimeout
	case len(failures) == 0:
		return &smtp.Error{Kind: smtp.KindNoAddress, Permanent: true}
	default:
		e.Kind = dialKind(failures[0])
	}
	return e
}

func dialKind(err error) smtp.Kind {
	switch {
	case errors.Is(err, errRefused):
		return smtp.KindRefused
	case errors.Is(err, errReset):
		return smtp.KindLost
	case errors.Is(err, errHostUnreachable), errors.Is(err, errNetUnreachable), errors.Is(err, errNoSuchAddress):
		return smtp.KindUnreachable
	case errors.Is(err, errUnanswered), isDeadline(err):
		return smtp.KindTimeout
	}
	return smtp.KindDial
}

// isDeadline reports that a deadline of ours has passed. The system's own
// "timed out" is no such thing: keep-alive found the peer dead.
func isDeadline(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() && !errors.Is(err, errUnanswered)
}

// ioError gives a failed read or write its kind. partial says that a reply had
// begun.
func ioError(err error, partial bool) *smtp.Error {
	var e *smtp.Error
	switch {
	case errors.As(err, &e):
		own := *e // another may hold the same
		return &own
	case isTLSAlert(err):
		return &smtp.Error{Kind: smtp.KindTLS, Err: err}
	case errors.Is(err, errCut):
		return &smtp.Error{Kind: smtp.KindCanceled, Err: err}
	case isDeadline(err):
		return &smtp.Error{Kind: smtp.KindTimeout, Err: err}
	case errors.Is(err, io.EOF) && partial:
		return &smtp.Error{Kind: smtp.KindLost, Err: io.ErrUnexpectedEOF}
	}
	return &smtp.Error{Kind: smtp.KindLost, Err: err}
}

// isTLSAlert reports what TLS says after its handshake: an alert of the server,
// such as certificate_required (RFC 8446 4.6.2 sends it so late), or a record
// that was tampered with.
func isTLSAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if ok && (op.Op == "remote error" || op.Op == "local error") {
		return true
	}
	_, ok = errors.AsType[tls.RecordHeaderError](err)
	return ok
}

// isNetworkError reports an error of the socket, not of what is above it.
func isNetworkError(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}
