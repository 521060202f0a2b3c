package smtp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// The bounds of RFC 5321 4.5.3.1, in octets. A domain has one that is tighter
// than its 255: the 253 of DNS.
const (
	maxLocal = 64
	maxPath  = 256 // with the angle brackets
)

// Mailbox is an address as it stands in an envelope (RFC 5321 4.1.2, RFC 6531
// 3.3). It is a value and may be compared; domains that differ only in case
// are the same to DNS and not to ==.
type Mailbox struct {
	// Local is the local part without quoting: `a b` of `"a b"@example.org`.
	Local string
	// Domain is a name, in A-labels or U-labels, or an address literal:
	// "[192.0.2.1]", "[IPv6:2001:db8::1]".
	Domain string
}

// ParseMailbox reads local-part@domain. The local part is a Dot-string or a
// Quoted-string, both with the characters of SMTPUTF8. Blanks around it are
// trimmed. Refused with KindInvalid are angle brackets, source routes, empty or
// over-long parts, controls and invisible characters, punctuation that only
// looks like ASCII, and a domain that IDNA would have to change (but for
// its case): it may not be what its reader thinks it is.
func ParseMailbox(s string) (Mailbox, error) {
	s = strings.Trim(s, " \t")
	m, err := splitMailbox(s)
	if err == nil {
		_, err = m.wire()
	}
	if err != nil {
		return Mailbox{}, badMailbox(s, err)
	}
	return m, nil
}

func badMailbox(s string, err error) *Error {
	return Invalid(fmt.Sprintf("mailbox %q: %v", s, err))
}

// splitMailbox finds the two parts and takes the quoting off; what they hold is
// for wire to judge.
func splitMailbox(s string) (Mailbox, error) {
	if strings.HasPrefix(s, "@") {
		return Mailbox{}, errors.New("no local part, or a source route: want local-part@domain")
	}
	if !strings.HasPrefix(s, `"`) {
		local, domain, ok := strings.Cut(s, "@")
		if !ok {
			return Mailbox{}, errors.New("no @: want local-part@domain")
		}
		if !isDotString(local) {
			return Mailbox{}, fmt.Errorf("the local part %q needs quotes or is no local part (RFC 5321 4.1.2)", local)
		}
		return Mailbox{local, domain}, nil
	}
	i, escapes := 1, false
	for i < len(s) && s[i] != '"' {
		if s[i] == '\\' {
			escapes = true
			if i++; i < len(s) && s[i] >= utf8.RuneSelf {
				return Mailbox{}, errors.New("a backslash before a character that is not ASCII")
			}
		}
		i++
	}
	if i >= len(s) {
		return Mailbox{}, errors.New("the quoted local part has no end")
	}
	local := s[1:i]
	if escapes {
		b := make([]byte, 0, len(local))
		for j := 0; j < len(local); j++ {
			if local[j] == '\\' {
				j++
			}
			b = append(b, local[j])
		}
		local = string(b)
	}
	domain, ok := strings.CutPrefix(s[i+1:], "@")
	if !ok {
		return Mailbox{}, errors.New("no @ behind the quoted local part")
	}
	return Mailbox{local, domain}, nil
}

// String returns the mailbox with the quoting it needs, the domain as it was
// given: ParseMailbox reads it back. Of a Mailbox that ParseMailbox would not
// have returned it is raw text: escape it before it is printed.
func (m Mailbox) String() string {
	b := make([]byte, 0, len(m.Local)+len(m.Domain)+len(`""@`))
	return string(m.append(b, m.Domain))
}

// NeedsUTF8 reports whether only SMTPUTF8 can carry the mailbox (RFC 6531):
// its local part is not ASCII. A domain is no reason, it has its A-labels.
func (m Mailbox) NeedsUTF8() bool { return !isASCII(m.Local) }

// AppendPath appends the path as it goes on the wire, "<local@domain>", with
// the domain in A-labels. A local part that is not ASCII needs utf8: that the
// server offers SMTPUTF8 and MAIL asks for it; else the error is of
// KindNotOffered. Everything else that cannot be a path is KindInvalid. On
// an error dst comes back as it was.
func (m Mailbox) AppendPath(dst []byte, utf8 bool) ([]byte, error) {
	domain, err := m.wire()
	if err != nil {
		return dst, badMailbox(m.String(), err)
	}
	if !utf8 && m.NeedsUTF8() {
		return dst, notOffered("SMTPUTF8", fmt.Sprintf("the local part of %q is not ASCII: want another address or another server (RFC 6531)", m.String()))
	}
	dst = append(dst, '<')
	dst = m.append(dst, domain)
	return append(dst, '>'), nil
}

func (m Mailbox) append(dst []byte, domain string) []byte {
	if isDotString(m.Local) {
		dst = append(dst, m.Local...)
	} else {
		dst = append(dst, '"')
		for i := range len(m.Local) {
			if c := m.Local[i]; c == '"' || c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, m.Local[i])
		}
		dst = append(dst, '"')
	}
	dst = append(dst, '@')
	return append(dst, domain...)
}

// wire checks both parts, since the fields are open to everybody, and returns
// the domain as it goes on the wire.
func (m Mailbox) wire() (domain string, err error) {
	for _, r := range m.Local {
		if r >= utf8.RuneSelf && unusableLocal(r) || r < ' ' || r == 0x7f {
			return "", fmt.Errorf("the local part holds %+q", r)
		}
	}
	written := len(m.Local)
	if !isDotString(m.Local) {
		written += len(`""`) + strings.Count(m.Local, `"`) + strings.Count(m.Local, `\`)
	}
	if m.Local == "" || written > maxLocal {
		return "", fmt.Errorf("the local part has %d octets, want 1 to %d", len(m.Local), maxLocal)
	}
	if domain, err = wireDomain(m.Domain); err != nil {
		return "", fmt.Errorf("domain: %w", err)
	}
	if n := len("<@>") + written + len(domain); n > maxPath {
		return "", fmt.Errorf("the path has %d octets, want at most %d", n, maxPath)
	}
	return domain, nil
}

// unusableLocal reports what no local part may hold beyond ASCII: octets that
// are not UTF-8, controls, blanks, invisible characters, and the forms of ASCII
// punctuation that Unicode's compatibility mapping (NFKC), which a server may
// apply, turns into syntax.
func unusableLocal(r rune) bool {
	switch {
	case r == utf8.RuneError, unicode.IsControl(r), unicode.IsSpace(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zs, r):
		return true
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return true
	case r >= 0xfe10 && r <= 0xfe19 || r >= 0xfe50 && r <= 0xfe6f: // vertical and small
		return true
	}
	compatible := norm.NFKC.String(string(r))
	return strings.ContainsFunc(compatible, func(c rune) bool { return c < utf8.RuneSelf && !isAtext(byte(c)) })
}

// wireDomain returns a domain in A-labels, or the address literal, checked.
func wireDomain(s string) (string, error) {
	if isPlainDomain(s) {
		return s, nil
	}
	if strings.HasPrefix(s, "[") {
		return wireLiteral(s)
	}
	ascii, err := asciiDomain(s, true)
	if err != nil || isASCII(s) {
		return ascii, err
	}
	// IDNA maps: full-width letters to ASCII, zero-width characters to nothing.
	// What comes back must be what was given.
	unicodes, err := idna.Lookup.ToUnicode(ascii)
	if err != nil {
		return "", err
	}
	labels, back := strings.Split(ascii, "."), strings.Split(unicodes, ".")
	for given := range strings.SplitSeq(s, ".") {
		same := len(labels) > 0 && len(back) > 0 && (sameLabel(given, back[0]) || strings.EqualFold(given, labels[0]) && isASCII(given))
		if !same {
			return "", fmt.Errorf("%q is not how IDNA writes it, want %q", given, unicodes)
		}
		labels, back = labels[1:], back[1:]
	}
	return ascii, nil
}

// sameLabel reports whether a label is IDNA's form of it but for case. A
// character outside ASCII whose lower case is inside, such as the Kelvin sign,
// is another one.
func sameLabel(given, back string) bool {
	for _, r := range given {
		if r >= utf8.RuneSelf && unicode.ToLower(r) < utf8.RuneSelf {
			return false
		}
	}
	return strings.ToLower(given) == back
}

// wireLiteral reads an address literal (RFC 5321 4.1.3); a zone has no place in
// one.
func wireLiteral(s string) (string, error) {
	inner, ok := strings.CutSuffix(s[1:], "]")
	const tag = "IPv6:"
	six := hasPrefixFold(inner, tag)
	if six {
		inner = inner[len(tag):]
	}
	addr, err := netip.ParseAddr(inner)
	if !ok || err != nil || addr.Zone() != "" || addr.Is4() == six {
		return "", fmt.Errorf("%q is no address literal: want [192.0.2.1] or [IPv6:2001:db8::1]", s)
	}
	return AddressLiteral(addr), nil
}

// isPlainDomain reports a name that surely is one: what almost every domain is,
// without the cost of proving that the others are none. The last label begins
// with a letter, so it is no IPv4 address.
func isPlainDomain(s string) bool {
	label := 0 // where the current one begins
	for i := range len(s) {
		switch c := s[i]; {
		case isAlnum(c):
		case c == '-' && i > label && i+1 < len(s) && s[i+1] != '.':
		case c == '.' && i > label && i-label <= 63:
			label = i + 1
		default:
			return false
		}
	}
	return len(s) <= 253 && len(s) > label && len(s)-label <= 63 && (s[label]|0x20 >= 'a')
}

// isDotString reports atoms joined by dots (RFC 5321 4.1.2): no quoting needed.
func isDotString(s string) bool {
	atom := 0
	for i := range len(s) {
		switch c := s[i]; {
		case isAtext(c) || c >= utf8.RuneSelf:
		case c == '.' && i > atom:
			atom = i + 1
		default:
			return false
		}
	}
	return len(s) > atom
}

func isAtext(c byte) bool { return atext[c] }

// atext are the octets of an Atom (RFC 5322 3.2.3).
var atext = func() (set [256]bool) {
	for c := range set {
		set[c] = isAlnum(byte(c)) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", byte(c)) >= 0
	}
	return set
}()

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
