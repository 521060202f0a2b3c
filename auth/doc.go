// Package auth has the SASL mechanisms of a mail client (RFC 4422), the choice
// among them, and SCRAM with channel binding (RFC 5802, 7677, 9266).
//
// [Credentials] make an [Authenticator]: given what a server offers and the
// state of TLS it returns a client of the strongest mechanism that both sides
// can do, or of the one that the Credentials name.
//
// A program may write its own Authenticator, which returns any [sasl.Client] or
// hands the call on to the Authenticator of some Credentials: one that was made
// before and is kept, with the same context, and with the mechanisms that are to
// be tried. The client it gets must go on as it is, or in a wrapper that forwards
// Done and Refused.
//
// A client says its part and never sees the connection. Whoever drives one asks
// [Permit] before the first octet of a secret leaves and [Done] before a success
// is believed, and tells [Refused] when the final reply is a 5yz or a 454.
//
// There is no secret in any error of this package. A type of it that holds one
// prints without it: a client wherever it is, [Credentials] and [Token] unless
// they are in an unexported field of another type.
package auth
