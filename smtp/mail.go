package smtp

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Mail is what MAIL says of a message (RFC 5321 4.1.1.2): the reverse-path and
// what is asked of the extensions. The zero value is MAIL FROM:<>. Whatever is
// set here is meant: a server that does not offer it is no server for this
// message, and nothing is sent ([Mail.AppendCommand]).
type Mail struct {
	// From is the reverse-path, local-part@domain; "" or "<>" is the null path of
	// notifications (RFC 5321 4.5.5).
	From string
	// Body is what the content is; BodyAuto leaves it to the content.
	Body Body
	// UTF8 says that the message is internationalised (RFC 6531). Where a path or a
	// header that was looked into needs it, it is asked for without this.
	UTF8 bool
	// Return is how much of the message a failure report returns (RFC 3461 4.3).
	Return Return
	// EnvelopeID is the sender's name for this message, and comes back in reports
	// (RFC 3461 4.4): printable ASCII, at most 100 characters as xtext.
	EnvelopeID string
	// RequireTLS asks that the message travels over verified TLS only, up to its
	// end (RFC 8689).
	RequireTLS bool
	// DeliverBy is the time a delivery may take (RFC 2852).
	DeliverBy DeliverBy
	// HoldFor asks a submission server to keep the message that long before it is
	// sent on, in whole seconds (RFC 4865); 0 is not asked.
	HoldFor time.Duration
	// HoldUntil is the same as a point in time, in whole seconds. At most one of
	// the two is set.
	HoldUntil time.Time
	// Priority is that of RFC 6710, -9 to 9; nil is not asked, which is not 0 but
	// whatever the server sees fit. new(4) makes one.
	Priority *int
	// Auth is who submitted the message in the first place, as far as this client
	// vouches for it (RFC 4954 5): an ASCII mailbox, or "<>" for not known. "" is
	// not said.
	Auth string
}

// Body is what the content of a message is (RFC 6152, RFC 3030 3).
type Body uint8

// The bodies.
const (
	BodyAuto       Body = iota // by the octets of the content
	Body7Bit                   // lines of ASCII
	Body8BitMIME               // lines with octets over 127
	BodyBinaryMIME             // any octets, which go untouched
	bodies
)

// String returns the value of BODY=, and "" for BodyAuto.
func (b Body) String() string {
	switch b {
	case BodyAuto:
		return ""
	case Body7Bit:
		return "7BIT"
	case Body8BitMIME:
		return "8BITMIME"
	case BodyBinaryMIME:
		return "BINARYMIME"
	}
	return "Body(" + strconv.Itoa(int(b)) + ")"
}

// Return is how much of a message a report of its failure returns (RFC 3461
// 4.3).
type Return uint8

// The values of RET=.
const (
	ReturnUnset   Return = iota // as the server likes
	ReturnFull                  // the whole message
	ReturnHeaders               // its header only
	returns
)

// String returns the value of RET=, and "" for ReturnUnset.
func (r Return) String() string {
	switch r {
	case ReturnUnset:
		return ""
	case ReturnFull:
		return "FULL"
	case ReturnHeaders:
		return "HDRS"
	}
	return "Return(" + strconv.Itoa(int(r)) + ")"
}

// DeliverBy is the time a delivery may take (RFC 2852). The zero value does not
// ask.
type DeliverBy struct {
	// Within is the time from the MAIL command on, in whole seconds. With ByNotify
	// it may be zero or past.
	Within time.Duration
	// Mode says what happens when the time is over.
	Mode ByMode
	// Trace asks for a report from each host on the way.
	Trace bool
}

// ByMode says what happens when the time of a DeliverBy is over.
type ByMode uint8

// The modes of DELIVERBY.
const (
	ByUnset  ByMode = iota // not asked
	ByReturn               // the message is returned as not delivered
	ByNotify               // the sender is notified of the delay, the delivery goes on
	byModes
)

// String returns the letter of the mode, and "" for ByUnset.
func (m ByMode) String() string {
	switch m {
	case ByUnset:
		return ""
	case ByReturn:
		return "R"
	case ByNotify:
		return "N"
	}
	return "ByMode(" + strconv.Itoa(int(m)) + ")"
}

// The bounds of the parameters' own RFCs.
const (
	maxEnvelopeID = 100       // characters of xtext, RFC 3461 4.4
	maxSeconds    = 999999999 // nine digits, RFC 2852 4, RFC 4865
	maxPriority   = 9
)

// Validate refuses, with KindInvalid, what no server could take.
func (m *Mail) Validate() error {
	if !m.nullPath() {
		if _, err := ParseMailbox(m.From); err != nil {
			return fail("From", err)
		}
	}
	return m.validateParameters()
}

// nullPath reports the empty reverse-path.
func (m *Mail) nullPath() bool { return m.From == "" || m.From == "<>" }

// fail names the field of an error of KindInvalid.
func fail(field string, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		err = e.Err // the kind is said once
	}
	return &Error{Kind: KindInvalid, Permanent: true, Err: fmt.Errorf("%s: %w", field, err)}
}

func (m *Mail) validateParameters() error {
	switch {
	case m.Body >= bodies:
		return Invalid(fmt.Sprintf("Body is %v: want BodyAuto, Body7Bit, Body8BitMIME or BodyBinaryMIME", m.Body))
	case m.Return >= returns:
		return Invalid(fmt.Sprintf("Return is %v: want ReturnUnset, ReturnFull or ReturnHeaders", m.Return))
	case m.Priority != nil && (*m.Priority < -maxPriority || *m.Priority > maxPriority):
		return Invalid(fmt.Sprintf("Priority is %d: want -9 to 9 (RFC 6710)", *m.Priority))
	}
	if err := validateEnvelopeID(m.EnvelopeID); err != nil {
		return err
	}
	if err := m.DeliverBy.validate(); err != nil {
		return err
	}
	if err := m.validateHold(); err != nil {
		return err
	}
	if m.Auth == "" || m.Auth == "<>" {
		return nil
	}
	switch box, err := ParseMailbox(m.Auth); {
	case err != nil:
		return fail("Auth", err)
	case box.NeedsUTF8():
		return Invalid(fmt.Sprintf("Auth %q is not ASCII: want an ASCII mailbox or <> (RFC 4954 5)", m.Auth))
	}
	return nil
}

func validateEnvelopeID(s string) error {
	n := 0
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c >= 0x7f {
			return Invalid(fmt.Sprintf("EnvelopeID %q: want printable ASCII (RFC 3461 4.4)", s))
		}
		if n++; !isXchar(c) {
			n += len("2B")
		}
	}
	if n > maxEnvelopeID {
		return Invalid(fmt.Sprintf("EnvelopeID has %d characters as xtext: want at most %d (RFC 3461 4.4)", n, maxEnvelopeID))
	}
	return nil
}

func (d DeliverBy) validate() error {
	seconds := int64(d.Within / time.Second)
	switch {
	case d == DeliverBy{}:
		return nil
	case d.Mode == ByUnset || d.Mode >= byModes:
		return Invalid(fmt.Sprintf("DeliverBy.Mode is %q: want ByReturn or ByNotify", d.Mode))
	case d.Within%time.Second != 0 || seconds < -maxSeconds || seconds > maxSeconds:
		return Invalid(fmt.Sprintf("DeliverBy.Within is %v: want whole seconds of at most nine digits (RFC 2852 4)", d.Within))
	case d.Mode == ByReturn && seconds <= 0:
		return Invalid(fmt.Sprintf("DeliverBy.Within is %v: want more than 0 with ByReturn (RFC 2852 4)", d.Within))
	}
	return nil
}

func (m *Mail) validateHold() error {
	seconds := int64(m.HoldFor / time.Second)
	switch {
	case m.HoldFor != 0 && !m.HoldUntil.IsZero():
		return Invalid("HoldFor and HoldUntil are both set: want one (RFC 4865)")
	case m.HoldFor < 0 || m.HoldFor%time.Second != 0 || seconds > maxSeconds:
		return Invalid(fmt.Sprintf("HoldFor is %v: want whole seconds, 1 to %d (RFC 4865)", m.HoldFor, maxSeconds))
	}
	return validateTime("HoldUntil", m.HoldUntil)
}

// validateTime takes what RFC 3339 can write, in whole seconds, and the zero
// value, which is no time.
func validateTime(field string, t time.Time) error {
	if y := t.UTC().Year(); !t.IsZero() && (t.Nanosecond() != 0 || y < 1 || y > 9999) {
		return Invalid(fmt.Sprintf("%s is %v: want whole seconds in the years 1 to 9999 (RFC 3339)", field, t))
	}
	return nil
}
