// Package smtp is the vocabulary of the Simple Mail Transfer Protocol as a
// client needs it: replies and their bounded parser, enhanced status codes,
// the capabilities of an EHLO reply, host names and address literals, mailboxes,
// what MAIL and RCPT may say ([Mail], [Recipient]), a [Message] and what became of
// it ([Receipt]), the table of timeouts, and the one error type that every part
// of ehlo returns.
//
// It knows neither sockets nor goroutines: everything here is a value or a
// pure function, except [Parser], which one reader owns.
//
// What a server says is kept as it came ([Reply].Text) and is escaped wherever
// it is printed ([Escape], [Reply.String], [Error.Error]), so that no control
// octet of a server reaches a terminal or a log.
//
// TABLES.md lists the kinds of error and the timeouts.
//
//go:generate go test . -run TestTables -update
package smtp
