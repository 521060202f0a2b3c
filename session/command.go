package session

import (
	"context"
	"fmt"
	"strings"

	"github.com/ehlo-go/ehlo/smtp"
)

// Command says any one line and waits for its reply (RFC 5321 4.1.1), such as
// "XNOTE hello" or "ETRN example.org". A reply of 4yz or 5yz is an error beside
// the reply, and the session stays ready. A 3yz reply asks for more than a line
// and breaks the protocol here: the connection is closed.
//
// Refused before anything is sent: a line of more than 512 octets with its CRLF,
// control characters, what does not begin with a verb, and the verbs that would
// change what the session knows of its state: those of mail transactions, RSET
// (see Reset), EHLO, HELO, LHLO, STARTTLS, AUTH, QUIT, XCLIENT, TURN and ATRN.
//
// It waits, ends and fails as Noop does.
func (s *Session) Command(ctx context.Context, line string) (smtp.Reply, error) {
	verb, err := checkCommand(line)
	if err != nil {
		return smtp.Reply{}, err
	}
	return s.do(ctx, verb, line)
}

// Noop says NOOP (RFC 5321 4.1.1.9) and waits for the reply. While the session
// connects it waits for its turn; without a life it fails with
// smtp.ErrNotConnected. If ctx ends while the command is on its way the
// connection is closed, since its reply would answer the next one.
func (s *Session) Noop(ctx context.Context) error {
	_, err := s.do(ctx, "NOOP", "NOOP")
	return err
}

// Reset says RSET (RFC 5321 4.1.1.5). A session has no need of it: it says RSET
// by itself where one is owed. It waits, ends and fails as Noop does.
func (s *Session) Reset(ctx context.Context) error {
	_, err := s.do(ctx, "RSET", "RSET")
	return err
}

// Verify asks whether there is such a user or mailbox (VRFY, RFC 5321 3.5).
// Most servers do not tell: 252 says that they would take mail for it and try,
// and is no error. It waits, ends and fails as Noop does; a refusal is an error
// beside the reply.
func (s *Session) Verify(ctx context.Context, who string) (smtp.Reply, error) {
	return s.inquire(ctx, "VRFY", who)
}

// Expand asks for the members of a mailing list (EXPN, RFC 5321 3.5), a line of
// the reply each; like Verify.
func (s *Session) Expand(ctx context.Context, list string) (smtp.Reply, error) {
	return s.inquire(ctx, "EXPN", list)
}

// Help asks for help, about topic if it is not empty (RFC 5321 4.1.1.8). The text
// is the server's: print it with smtp.Escape. Else like Verify.
func (s *Session) Help(ctx context.Context, topic string) (smtp.Reply, error) {
	if topic == "" {
		return s.do(ctx, "HELP", "HELP")
	}
	return s.inquire(ctx, "HELP", topic)
}

// inquire says a verb with an argument.
func (s *Session) inquire(ctx context.Context, verb, argument string) (smtp.Reply, error) {
	line := verb + " " + argument
	err := checkLine(line)
	if err == nil && strings.Trim(argument, " ") == "" {
		err = smtp.Invalid(verb + " needs an argument")
	}
	if err != nil {
		asError(err).Command = verb
		return smtp.Reply{}, err
	}
	return s.do(ctx, verb, line)
}

// checkLine refuses what is no command line.
func checkLine(line string) error {
	if len(line)+2 > maxCommand {
		return smtp.Invalid(fmt.Sprintf("a command line of %d octets with its CRLF: at most %d (RFC 5321 4.5.3.1.4)", len(line)+2, maxCommand))
	}
	return smtp.CheckText("the command line", line)
}

// checkCommand refuses what Command may not say, and returns the verb.
func checkCommand(line string) (verb string, err error) {
	if err := checkLine(line); err != nil {
		return "", err
	}
	verb, _, _ = strings.Cut(line, " ")
	if verb == "" || strings.Trim(verb, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", smtp.Invalid("a command begins with its verb: letters, digits and hyphens, then a space or nothing")
	}
	verb = strings.ToUpper(verb)
	if instead, ok := reserved()[verb]; ok {
		e := smtp.Invalid("the session says it itself: use " + instead)
		e.Command = verb
		return "", e
	}
	return verb, nil
}

// reserved are the verbs that Command refuses, and what to use instead. SEND,
// SOML and SAML open a transaction as MAIL does (RFC 821 3.4).
func reserved() map[string]string {
	const message, connect, none = "Send or Begin", "Connect, by its options", "another program: it would give the connection to another"
	return map[string]string{
		"MAIL": message, "RCPT": message, "DATA": message, "BDAT": message, "BURL": message, "SEND": message, "SOML": message, "SAML": message,
		"EHLO": connect, "HELO": connect, "LHLO": connect, "STARTTLS": connect, "XCLIENT": none, "TURN": none, "ATRN": none,
		"RSET": "Reset", "AUTH": "Authenticate", "QUIT": "Disconnect",
	}
}
