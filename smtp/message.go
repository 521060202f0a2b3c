package smtp

import (
	"fmt"
	"io"
)

// Message is one message to be sent: its envelope and its content. Nothing of
// the envelope is read from the content's header.
//
// A Message may be sent again, with one thing to do before: a Content that is no
// bytes.Reader, bytes.Buffer, strings.Reader or regular file is used up by a Send that
// has begun to read it, whatever became of the message, and Send then sets it to nil,
// so that nothing else is sent in its place. Such a Message is for one Send at a time.
// Else ehlo only reads a Message.
type Message struct {
	// Mail is what MAIL says.
	Mail
	// Recipients are whom it goes to, at least one.
	Recipients []Recipient
	// Content is header and body. It is needed; an empty message has an empty
	// reader. bytes.Reader, bytes.Buffer, strings.Reader and regular files are sent
	// fastest.
	Content io.Reader
	// Size is how many octets Content will yield; 0 is not known.
	Size int64
	// Policy says what happens when only some recipients are accepted.
	Policy Policy
	// Newlines says what becomes of a CR or LF that stands alone.
	Newlines Newlines
	// Canonical is the caller's word that CRLF ends every line and that no CR or LF
	// stands alone: the content is not looked into and not changed. A word that is
	// broken lets the content end the message early and speak to the server.
	Canonical bool
	// Allow8Bit lets octets over 127 pass to a server that does not offer 8BITMIME.
	Allow8Bit bool
	// StrictLines refuses lines over 998 octets (RFC 5322 2.1.1). Else they pass as
	// they are and are counted in the Receipt.
	StrictLines bool
}

// Policy says what happens when only some recipients are accepted.
type Policy uint8

// The policies.
const (
	DeliverToAccepted Policy = iota // the others get the message
	AllOrNothing                    // nobody gets it
	policies
)

// Newlines says what becomes of a CR or LF that stands alone, outside
// BodyBinaryMIME.
type Newlines uint8

// The ways with them.
const (
	NormaliseNewlines  Newlines = iota // each becomes a CRLF
	RefuseBareNewlines                 // the message is refused
	newlines
)

// Validate refuses, with KindInvalid, what no server could take. It does no
// I/O and does not touch the content.
func (m *Message) Validate() error {
	if err := m.Mail.Validate(); err != nil {
		return err
	}
	switch {
	case len(m.Recipients) == 0:
		return Invalid("Recipients is empty: want at least one")
	case m.Content == nil:
		return Invalid("Content is nil: want a reader, for an empty message an empty one; one that can be read but once is taken out by the Send that reads it")
	case m.Size < 0:
		return Invalid(fmt.Sprintf("Size is %d: want the octets of Content, or 0 for not known", m.Size))
	case m.Policy >= policies:
		return Invalid(fmt.Sprintf("Policy is %d: want DeliverToAccepted or AllOrNothing", m.Policy))
	case m.Newlines >= newlines:
		return Invalid(fmt.Sprintf("Newlines is %d: want NormaliseNewlines or RefuseBareNewlines", m.Newlines))
	}
	for i := range m.Recipients {
		if err := m.Recipients[i].Validate(); err != nil {
			return fail(fmt.Sprintf("Recipients[%d]", i), err)
		}
	}
	return nil
}
