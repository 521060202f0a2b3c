// Package auth has the SASL mechanisms of a mail client (RFC 4422), the choice
// among them, and SCRAM with channel binding (RFC 5802, 7677, 9266).
//
// [Credentials] make an [Authenticator]: given what a server offers and the
// state of TLS it returns a client of the strongest mechanism that both sides
// can do. A program may write its own Authenticator, with the single mechanisms
// of this package or with any [sasl.Client].
//
// A client says its part and never sees the connection. Whoever drives one asks
// [Permit] before the first octet of a secret leaves, [Done] before a success is
// believed, and tells [Refused] when the server's no is final.
//
// There is no secret in any error of this package, and every type of it that
// holds one prints without it.
package auth
