// Package ehlo is the page to begin with; the library is in its folders.
//
// # The life of a session
//
// A program makes a session with session.New: a value with properties, no
// goroutine, no socket. Connect gives it a life. It asks DNS for the
// host's A and AAAA records, apart and at once, and dials the addresses in turn,
// the next one 250 ms after one that stays silent (RFC 8305). The first
// connection to stand wins; the others are closed.
//
// With SecureImplicit the TLS handshake comes next. Then the server greets, and
// the session says EHLO, or HELO to an old server. With SecureExplicit it goes
// on with STARTTLS, shakes hands, forgets all it was told in clear, and says
// EHLO again. It never goes on in clear where TLS was asked for.
//
// Each of these phases is a state of a table (package fsm), has a timeout and
// can be interrupted at once. Each tells what it found out: OnResolve, OnDial,
// OnGreeting, OnHello, OnSecure, and at last OnConnect (package events), on
// channels that never block the session, to hooks that enclose the phases, and
// as spans (package tracing).
//
// An attempt that fails for a reason that may pass is told as OnRetry and made
// again after a while; one that fails for good ends the life with a final
// OnError, and Connect returns the same error: phase, command, reply and cause
// (package smtp).
//
// Authenticate logs in, by the strongest mechanism that both sides have (package
// auth), and is a state and a span of its own. A refusal leaves the session ready;
// a server that breaks the mechanism is left.
//
// Send gives a message to the server, in as few round trips as it allows, and
// returns a receipt: accepted, rejected, not sent or unknown, for each recipient.
//
// A ready session rests. It holds a few kilobytes, no timer and no buffer, and
// waits for its caller and its server at once; a server that goes away is heard
// of within milliseconds, as OnDisconnect. Disconnect says QUIT and ends the
// life; Close ends it at once and for good. Nothing reconnects by itself, and
// the same session may be connected again.
//
// Package live shows the sessions there are, on a page for operators. Package
// smtptest is an SMTP server for tests, with TLS, AUTH and faults.
package ehlo
