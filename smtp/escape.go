package smtp

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxPrinted is how many octets of a server's text an error or a log line
// shows. The whole text stays in [Reply].Text.
const maxPrinted = 1024

// Escape returns s fit for a terminal, a log line or a span: printable
// characters stay, everything else (controls, ESC, NUL, bidirectional marks,
// octets that are not UTF-8) becomes a Go escape such as \x1b, and a backslash
// is doubled, so the result is unambiguous. A text over 1,024 octets is cut
// and ends in an ellipsis.
func Escape(s string) string { return escape(s, true) }

// escape is Escape; double says whether a backslash is doubled, which it must
// not be in a text that may be escaped already.
func escape(s string, double bool) string {
	cut := false
	if len(s) > maxPrinted {
		s, cut = s[:maxPrinted], true
		for i := 1; i < utf8.UTFMax && i < len(s); i++ { // not inside a character
			if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
				break
			}
			s = s[:len(s)-1]
		}
	}
	clean := true
	for _, r := range s {
		if r == '\\' && double || r == utf8.RuneError || !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean && !cut {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x`)
			b.WriteByte("0123456789abcdef"[s[i]>>4])
			b.WriteByte("0123456789abcdef"[s[i]&15])
		case r == '\\' && double:
			b.WriteString(`\\`)
		case strconv.IsPrint(r):
			b.WriteString(s[i : i+n])
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	if cut {
		b.WriteString("…")
	}
	return b.String()
}
