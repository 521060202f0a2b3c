// Package transport is the way from a host's name to a connection that carries
// replies: look-ups and the order of addresses (RFC 8305), proxies, TLS, and
// [Conn] with its deadlines, bounded reads and parking.
//
// It knows nothing of sessions and events. Its errors are [smtp.Error] values
// whose Phase and Command the session fills in.
//
// # Parking
//
// An idle connection waits for its owner's mailbox and for the server at once:
// one goroutine, no timer, no buffers. See [Conn.Park].
package transport
