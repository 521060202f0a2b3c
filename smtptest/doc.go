// Package smtptest is a scripted SMTP server for tests.
//
// Left alone it is a small and correct ESMTP server (RFC 5321) with STARTTLS
// or implicit TLS, AUTH, PIPELINING, CHUNKING and a certificate of its own. AUTH
// is PLAIN and LOGIN, and by [Config.Mechanisms] also CRAM-MD5, SCRAM with and
// without channel binding, OAUTHBEARER, XOAUTH2, EXTERNAL and ANONYMOUS. The
// server keeps what it accepted ([Server.Messages]), what it was told
// ([Server.Commands]) and all that was said ([Server.Transcript]), but for the
// secrets, and counts all of it ([Server.Counts]).
//
// A test that wants a fault names the verb or the moment and what happens
// there instead, as a [Step] in [Config.On]:
//
//	smtptest.Config{On: map[string]smtptest.Step{
//		"RCPT":    smtptest.Sequence(smtptest.Usual(), smtptest.Say("452 4.5.3 too many")),
//		"CONTENT": smtptest.Reset(),
//	}}
//
// The moments are "CONNECT" (right after accept), "TLS" (instead of a
// handshake), "GREETING" and "CONTENT" (after the content of DATA or of a BDAT
// LAST). [Config.Script] plays a whole conversation by hand.
//
// With [Config.LMTP] the moment "CONTENT" comes once for each accepted recipient,
// in the order of RCPT, and [Conn.Recipient] says whose it is. The first 2yz
// records the message, each further one adds its recipient to it. A step at "BDAT"
// that answers a BDAT LAST says all of these replies, and its first one counts for
// every recipient.
//
// A step that only answers is believed: after a 2yz to EHLO, MAIL or RCPT the
// command counts as done, after a 354 to DATA the content is read, after a 220
// to STARTTLS comes the handshake, after a 2yz to the content the message is
// recorded. The content behind a BDAT is read over, except after 500 and 502:
// a server that does not know BDAT takes its content for commands.
//
// [NewServer] listens on loopback; [NewMemoryServer] needs no sockets and works
// inside a testing/synctest bubble, where timeouts of minutes cost nothing.
// [Pipe] is the connection it is made of, and [Authority] makes certificates,
// good and bad ones.
//
// The server holds at most a bounded amount of memory for each connection and
// for its records, whatever a client sends.
package smtptest
