// Package peer has the clients that are put side by side, each doing the same with
// its own means: ehlo, net/smtp, emersion/go-smtp, wneessen/go-mail, and raw.
//
// Raw is no library but the limit: a loop written by hand, with the fewest octets
// and system calls that the protocol allows, which looks at nothing but the first
// digit of an answer.
//
// Each is used as its users use it, with what it does by default, but for go-mail,
// which is spared the NOOP before each message on a session that is known to live.
package peer
