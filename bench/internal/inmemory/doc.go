// Package inmemory is a server without sockets and without goroutines, for more
// sessions than a machine has ports: what a client writes is answered within its
// Write. A connection holds a few hundred octets, so what a session is seen to
// hold is nearly all the client's.
//
// It is no socket, so ehlo parks on it as it does where it cannot peek: in a Read.
package inmemory
