package smtp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Recipient is what RCPT says of one recipient (RFC 5321 4.1.1.3). Whatever is
// set here is meant, as in [Mail]; what the server does not offer refuses this
// recipient only.
type Recipient struct {
	// Address is the forward-path, local-part@domain. "Postmaster", in any case, may
	// stand without a domain.
	Address string
	// Notify is when a report is sent (RFC 3461 4.1); 0 is not asked.
	Notify Notify
	// Original is the address that the message was first meant for (RFC 3461
	// 4.2).
	Original Original
	// ValidSince asks that the mailbox has had the same owner since then (RFC
	// 7293).
	ValidSince ValidSince
}

// To returns a recipient for each address, with nothing asked but delivery.
func To(addresses ...string) []Recipient {
	all := make([]Recipient, len(addresses))
	for i, a := range addresses {
		all[i].Address = a
	}
	return all
}

// Notify is a set of reasons for a report (RFC 3461 4.1).
type Notify uint8

// The reasons. NotifyNever stands alone.
const (
	NotifySuccess Notify = 1 << iota
	NotifyFailure
	NotifyDelay
	NotifyNever
)

// String returns the value of NOTIFY=, and "" for none.
func (n Notify) String() string { return string(n.append(nil)) }

func (n Notify) append(dst []byte) []byte {
	start := len(dst)
	for i, name := range [...]string{"SUCCESS", "FAILURE", "DELAY", "NEVER"} {
		if n&(1<<i) == 0 {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(dst, name...)
	}
	if rest := n &^ (NotifyNever<<1 - 1); rest != 0 {
		dst = strconv.AppendUint(append(dst, "+0x"...), uint64(rest), 16)
	}
	return dst
}

// Original is the address that a message was first meant for (RFC 3461 4.2).
// The zero value does not say.
type Original struct {
	// Type is the kind of address: "" is "rfc822", or "utf-8" (RFC 6533) where the
	// address is not ASCII.
	Type string
	// Address is the address itself, in printable characters: ASCII but for "utf-8".
	Address string
}

// ValidSince asks that a mailbox has had the same owner since a point in time
// (RFC 7293). The zero value does not ask.
type ValidSince struct {
	// Time is that point, in whole seconds.
	Time time.Time
	// Continue says what happens where a server cannot tell: delivery all the
	// same (";C"), and not a refusal (";R"). It holds for the server that is
	// spoken to as well.
	Continue bool
}

// maxOriginal is the length of ORCPT's value (RFC 3461 4.2).
const maxOriginal = 500

// Validate refuses, with KindInvalid, what no server could take.
func (r *Recipient) Validate() error {
	if !r.postmaster() {
		if _, err := ParseMailbox(r.Address); err != nil {
			return fail("Address", err)
		}
	}
	return r.validateParameters()
}

// postmaster reports the one recipient without a domain.
func (r *Recipient) postmaster() bool {
	return isASCII(r.Address) && strings.EqualFold(r.Address, "Postmaster") // some letters outside ASCII fold into it
}

// NeedsUTF8 reports whether only SMTPUTF8 can carry the recipient (RFC 6531).
func (r *Recipient) NeedsUTF8() bool {
	if isASCII(r.Address) {
		return false
	}
	m, err := ParseMailbox(r.Address)
	return err == nil && m.NeedsUTF8()
}

func (r *Recipient) validateParameters() error {
	switch {
	case r.Notify >= NotifyNever<<1:
		return Invalid(fmt.Sprintf("Notify is %v: want NotifySuccess, NotifyFailure and NotifyDelay, or NotifyNever", r.Notify))
	case r.Notify&NotifyNever != 0 && r.Notify != NotifyNever:
		return Invalid(fmt.Sprintf("Notify is %v: want NotifyNever alone (RFC 3461 4.1)", r.Notify))
	case r.ValidSince.Continue && r.ValidSince.Time.IsZero():
		return Invalid("ValidSince.Continue is set without a time")
	}
	if err := r.Original.validate(); err != nil {
		return err
	}
	return validateTime("ValidSince.Time", r.ValidSince.Time)
}

// kind returns the address type with its default.
func (o Original) kind() string {
	switch {
	case o.Type != "":
		return o.Type
	case isASCII(o.Address):
		return "rfc822"
	}
	return "utf-8"
}

func (o Original) validate() error {
	if o == (Original{}) {
		return nil
	}
	if o.Address == "" {
		return Invalid("Original.Address is empty: want an address")
	}
	if err := CheckText("Original.Address", o.Address); err != nil {
		return err
	}
	kind := o.kind()
	for i := range len(kind) { // an atom, without what the parameter cannot hold
		if c := kind[i]; !isAtext(c) || c == '+' || c == '=' {
			return Invalid(fmt.Sprintf("Original.Type %q: want an address type such as rfc822 (RFC 3461 4.2)", kind))
		}
	}
	if !isASCII(o.Address) && !strings.EqualFold(kind, "utf-8") {
		return Invalid(fmt.Sprintf("Original.Address %q is not ASCII: want the type utf-8 (RFC 6533 3)", o.Address))
	}
	var scratch [maxOriginal + 1]byte
	if n := len(o.append(scratch[:0])); n > maxOriginal {
		return Invalid(fmt.Sprintf("Original has %d characters as xtext: want at most %d (RFC 3461 4.2)", n, maxOriginal))
	}
	return nil
}

// append appends the value of ORCPT=.
func (o Original) append(dst []byte) []byte {
	kind := o.kind()
	dst = append(append(dst, kind...), ';')
	if strings.EqualFold(kind, "utf-8") {
		return appendUTF8Xtext(dst, o.Address)
	}
	return appendXtext(dst, o.Address)
}

// RecipientRefusal reports whether a refusal of RCPT may pass with time.
// A 4yz may, and so may a 552 without an enhanced code or with 5.5.3 (too many
// recipients), which old servers say where 452 is meant (RFC 5321 4.5.3.1.10);
// with 5.2.2 or 5.3.4 it is about the mailbox or the message and stays. What
// was not refused, 251 and 252 among it, is for [Reply.Positive] to tell.
func RecipientRefusal(r Reply) (temporary bool) {
	if r.Code != 552 {
		return r.Temporary()
	}
	return r.Enhanced.IsZero() || r.Enhanced == EnhancedCode{5, 5, 3}
}
