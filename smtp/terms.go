package smtp

import "errors"

// Terms are what a session may ask of its server.
type Terms struct {
	// Capabilities are those of the last EHLO.
	Capabilities Capabilities
	// Extended says that ESMTP is spoken (EHLO, not HELO). Without it no command
	// has a parameter.
	Extended bool
	// Verified says that the session is under TLS with a verified certificate.
	Verified bool
}

// params returns the parameters of an extension that may be used.
func (t *Terms) params(keyword string) (params string, ok bool) {
	if !t.Extended {
		return "", false
	}
	return t.Capabilities.Params(keyword)
}

// Offers reports whether an extension may be used: the server listed it, and ESMTP
// is spoken.
func (t *Terms) Offers(keyword string) bool {
	_, ok := t.params(keyword)
	return ok
}

// ContentFacts are what is known of a message's content and recipients before
// its MAIL command.
type ContentFacts struct {
	// Size is the number of octets that will travel, before dot-stuffing (RFC 1870
	// 5); -1 is not known.
	Size int64
	// Unscanned says that nobody has looked into the content: it may hold more than
	// the fields below say. It is then announced as 8-bit where that is offered and
	// refused nowhere.
	Unscanned bool
	// EightBit says that it holds octets over 127.
	EightBit bool
	// UTF8Header says that its header holds UTF-8 (RFC 6532).
	UTF8Header bool
	// UTF8Recipients says that a recipient needs SMTPUTF8 ([Recipient.NeedsUTF8]).
	// It is asked for where offered; where not, it is the recipient that is refused.
	UTF8Recipients bool
	// Allow8Bit lets octets over 127 pass to a server that does not offer 8BITMIME.
	Allow8Bit bool
}

// notOffered returns an error of KindNotOffered: what is missing, and what
// would do.
func notOffered(keyword, what string) *Error {
	e := &Error{Kind: KindNotOffered, Permanent: true, Err: errors.New(keyword + ": " + what)}
	switch keyword {
	case "SMTPUTF8":
		e.Enhanced = EnhancedCode{5, 6, 7} // RFC 6531 4.1
	case "8BITMIME":
		e.Enhanced = EnhancedCode{5, 6, 3} // RFC 3463: conversion required
	case "REQUIRETLS":
		e.Enhanced = EnhancedCode{5, 7, 30} // RFC 8689 5
	}
	return e
}

// need returns nil if an extension may be used, else an error that says for
// what it was needed.
func (t *Terms) need(keyword, what string) error {
	switch {
	case t.Offers(keyword):
		return nil
	case t.Capabilities.Has(keyword):
		what = "the server offers it, but the session uses no extension, want it Extended; or " + what
	}
	return notOffered(keyword, what)
}
