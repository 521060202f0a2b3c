package smtp

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Host is where a session goes: a DNS name or an address. Exactly one of the
// two is set; the zero value is no host.
type Host struct {
	// Name is a DNS name in A-labels (RFC 5890), as it goes to DNS, SNI and the
	// check of the certificate.
	Name string
	// Addr is the address of a literal, with its zone.
	Addr netip.Addr
}

// IsZero reports whether there is no host.
func (h Host) IsZero() bool { return h == Host{} }

// String returns the name or the address without brackets.
func (h Host) String() string {
	if h.Addr.IsValid() {
		return h.Addr.String()
	}
	return h.Name
}

// ParseHost reads a DNS name (an internationalised one becomes A-labels), an
// IPv4 or IPv6 address, or an address literal of RFC 5321 4.1.3: "::1",
// "[::1]", "[192.0.2.1]", "[IPv6:::1]", "fe80::1%eth0". Blanks around it are
// trimmed. Everything else is an error of KindInvalid; what names the argument
// in it.
func ParseHost(what, s string) (Host, error) {
	given := s
	s = strings.Trim(s, " \t")
	if s == "" {
		return Host{}, Invalid(what + " is empty: want a DNS name or an IP address")
	}
	if strings.ContainsFunc(s, unusable) {
		return Host{}, Invalid(fmt.Sprintf("%s %q holds a blank or a control character: want a DNS name or an IP address", what, given))
	}
	if addr, ok := parseAddr(s); ok {
		return Host{Addr: addr}, nil
	}
	if s[0] == '[' {
		return Host{}, Invalid(fmt.Sprintf("%s %q is no address literal: want [192.0.2.1] or [IPv6:2001:db8::1]", what, given))
	}
	name, err := asciiDomain(strings.TrimSuffix(s, "."), true)
	if err != nil {
		return Host{}, Invalid(fmt.Sprintf("%s %q is neither a DNS name nor an IP address: %v", what, given, err))
	}
	return Host{Name: name}, nil
}

// ParseLocalName reads the name a client gives itself in EHLO (RFC 5321
// 4.1.1.1): letters, digits, hyphens and dots, an internationalised name as
// A-labels; an IP address becomes an address literal.
func ParseLocalName(s string) (string, error) {
	if addr, ok := parseAddr(s); ok && !strings.ContainsFunc(s, unusable) {
		return AddressLiteral(addr), nil
	}
	name, err := asciiDomain(s, false)
	if err != nil {
		return "", Invalid(fmt.Sprintf("LocalName %q is not a domain name: %v", s, err))
	}
	return name, nil
}

// parseAddr reads an IP address, bare or as an address literal.
func parseAddr(s string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if s, ok = strings.CutSuffix(inner, "]"); !ok {
			return netip.Addr{}, false
		}
		const tag = "IPv6:"
		if hasPrefixFold(s, tag) {
			if s = s[len(tag):]; !strings.Contains(s, ":") {
				return netip.Addr{}, false
			}
		}
	}
	addr, err := netip.ParseAddr(s)
	return addr.Unmap(), err == nil
}

// unusable reports what no host may hold, not even in the zone of an address:
// blanks, controls, octets that are not UTF-8.
func unusable(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || r == utf8.RuneError
}

// AddressLiteral returns an address as EHLO wants it: "[192.0.2.1]" or
// "[IPv6:2001:db8::1]", without zone (RFC 5321 4.1.3).
func AddressLiteral(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return "[" + addr.String() + "]"
	}
	return "[IPv6:" + addr.String() + "]"
}

// asciiDomain returns a domain name in A-labels, checked: labels of 1 to 63
// letters, digits and inner hyphens, 253 octets together, and no IP address
// ("192.0.2.1.", or one in full-width digits). Underscores are taken where the
// name is only looked up, since such hosts exist.
func asciiDomain(s string, underscore bool) (string, error) {
	for i := range len(s) {
		if s[i] >= 0x80 {
			a, err := idna.Lookup.ToASCII(s)
			if err != nil {
				return "", err
			}
			s = a
			break
		}
	}
	if s == "" || len(s) > 253 {
		return "", fmt.Errorf("it has %d octets, want 1 to 253", len(s))
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("a label has %d octets, want 1 to 63", len(label))
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return "", fmt.Errorf("label %q begins or ends with a hyphen", label)
		}
		for i := range len(label) {
			c := label[i]
			ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' && underscore
			if !ok {
				return "", fmt.Errorf("%q is not a letter, digit or hyphen", c)
			}
		}
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return "", fmt.Errorf("%s is an address, not a name", s)
	}
	return s, nil
}

// CheckText refuses control characters, and octets that are not UTF-8, in a value
// of the caller, such as a user name, that will reach the wire in some form. what names it; the value
// itself is not shown, since it may be a secret.
func CheckText(what, s string) error {
	if i := strings.IndexFunc(s, unicode.IsControl); i >= 0 {
		return Invalid(fmt.Sprintf("%s holds a control character at octet %d", what, i))
	}
	if !utf8.ValidString(s) {
		return Invalid(what + " is neither ASCII nor UTF-8")
	}
	return nil
}
