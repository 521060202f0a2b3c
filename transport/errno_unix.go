//go:build !windows

package transport

import "syscall"

// The errors of sockets that are told apart.
const (
	errRefused         = syscall.ECONNREFUSED
	errReset           = syscall.ECONNRESET
	errHostUnreachable = syscall.EHOSTUNREACH
	errNetUnreachable  = syscall.ENETUNREACH
	errNoSuchAddress   = syscall.EADDRNOTAVAIL // no route from any address of ours
	errUnanswered      = syscall.ETIMEDOUT     // the system gave up waiting, as keep-alive does
)
