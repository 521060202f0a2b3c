package transport

import "syscall"

// The errors of sockets that are told apart, as Winsock numbers them: the
// syscall package's own constants of these names are not what Winsock returns.
const (
	errRefused         syscall.Errno = 10061
	errReset           syscall.Errno = 10054
	errHostUnreachable syscall.Errno = 10065
	errNetUnreachable  syscall.Errno = 10051
	errNoSuchAddress   syscall.Errno = 10049
	errUnanswered      syscall.Errno = 10060
)
