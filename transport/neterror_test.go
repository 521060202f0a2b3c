package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// sysError is an error as package net brings it.
func sysError(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, err)}
}

func TestDialError_Kinds(t *testing.T) {
	canceled, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the cause")
	cancel(cause)
	late, stop := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer stop()
	live := t.Context()
	cases := []struct {
		ctx      context.Context
		failures []error
		kind     smtp.Kind
	}{
		{live, []error{sysError("connect", errRefused)}, smtp.KindRefused},
		{live, []error{sysError("connect", errReset)}, smtp.KindLost},
		{live, []error{sysError("connect", errHostUnreachable)}, smtp.KindUnreachable},
		{live, []error{sysError("connect", errNetUnreachable)}, smtp.KindUnreachable},
		{live, []error{sysError("connect", errNoSuchAddress)}, smtp.KindUnreachable},
		{live, []error{sysError("connect", errUnanswered)}, smtp.KindTimeout},
		{live, []error{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}}, smtp.KindTimeout}, // Dialer.Timeout
		{live, []error{sysError("connect", syscall.EACCES)}, smtp.KindDial},
		{live, []error{fmt.Errorf("wrapped: %w", sysError("connect", errRefused)), sysError("connect", errNetUnreachable)}, smtp.KindRefused},
		{live, []error{sysError("connect", errNetUnreachable), sysError("connect", errRefused)}, smtp.KindUnreachable},
		{live, nil, smtp.KindNoAddress},
		{canceled, []error{sysError("connect", errRefused)}, smtp.KindCanceled},
		{canceled, []error{sysError("connect", errRefused), context.Canceled}, smtp.KindCanceled},
		{late, []error{sysError("connect", errRefused), context.DeadlineExceeded}, smtp.KindTimeout},
		{late, []error{context.DeadlineExceeded}, smtp.KindTimeout},
	}
	for _, c := range cases {
		e := dialError(c.ctx, c.failures...)
		if e.Kind != c.kind || e.Permanent != (c.kind == smtp.KindNoAddress) {
			t.Errorf("%v: %v, permanent %v; want %v", c.failures, e.Kind, e.Permanent, c.kind)
		}
		if c.ctx == canceled {
			if !errors.Is(e, cause) {
				t.Errorf("%v does not wrap the cause", e)
			}
			continue
		}
		for _, f := range c.failures {
			if !errors.Is(e, f) || !strings.Contains(e.Error(), f.Error()) {
				t.Errorf("%v does not tell %v", e, f)
			}
		}
	}
}

func TestIOError_Kinds(t *testing.T) {
	own := &smtp.Error{Kind: smtp.KindProtocol}
	cases := []struct {
		err     error
		partial bool
		kind    smtp.Kind
		is      error
	}{
		{own, false, smtp.KindProtocol, smtp.ErrProtocol},
		{fmt.Errorf("wrapped: %w", own), true, smtp.KindProtocol, smtp.ErrProtocol},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, false, smtp.KindTLS, smtp.ErrTLS},
		{&net.OpError{Op: "local error", Err: errors.New("tls: bad record MAC")}, true, smtp.KindTLS, smtp.ErrTLS},
		{errCut, false, smtp.KindCanceled, errCut},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, true, smtp.KindTimeout, os.ErrDeadlineExceeded},
		{sysError("read", errUnanswered), false, smtp.KindLost, errUnanswered}, // keep-alive: no limit of ours
		{sysError("write", syscall.EPIPE), false, smtp.KindLost, syscall.EPIPE},
		{sysError("read", errReset), true, smtp.KindLost, errReset},
		{io.EOF, false, smtp.KindLost, io.EOF},
		{io.EOF, true, smtp.KindLost, io.ErrUnexpectedEOF},
		{net.ErrClosed, false, smtp.KindLost, net.ErrClosed},
	}
	for _, c := range cases {
		e := ioError(c.err, c.partial)
		if e == own {
			t.Error("an error of the caller's is handed on, to be written to")
		}
		if e.Kind != c.kind || !errors.Is(e, c.is) {
			t.Errorf("%v, partial %v: %v (%v)", c.err, c.partial, e, e.Kind)
		}
	}
}
