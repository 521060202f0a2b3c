package smtp

import (
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// parseXtext reads xtext by the grammar of RFC 3461 4, and nothing else.
func parseXtext(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			if i+2 >= len(s) || s[i+1:i+3] != strings.ToUpper(s[i+1:i+3]) {
				return "", false
			}
			octet, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				return "", false
			}
			b.Write(octet)
			i += 2
		case c <= ' ' || c >= 0x7f || c == '=':
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// parseUTF8Xtext reads utf-8-addr-xtext by the grammar of RFC 6533 3.
func parseUTF8Xtext(s string) (string, bool) {
	var b strings.Builder
	for s != "" {
		if rest, ok := strings.CutPrefix(s, `\x{`); ok {
			digits, rest, ok := strings.Cut(rest, "}")
			n, err := strconv.ParseUint(digits, 16, 32)
			if !ok || err != nil || len(digits) < 2 || digits != strings.ToUpper(digits) || len(digits) > 2 && digits[0] == '0' || !utf8.ValidRune(rune(n)) {
				return "", false
			}
			b.WriteRune(rune(n))
			s = rest
			continue
		}
		if c := s[0]; c <= ' ' || c >= 0x7f || c == '+' || c == '=' || c == '\\' {
			return "", false
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String(), true
}

func TestXtext_RFC3461(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"QQ314159":               "QQ314159",
		"Bob@Ivory.EDU":          "Bob@Ivory.EDU",
		"a+b=c":                  "a+2Bb+3Dc",
		"Carol Example":          "Carol+20Example",
		"\x00\x7f\xff\r\n":       "+00+7F+FF+0D+0A",
		`/G=Bob/S="Smith"/;\{~}`: `/G+3DBob/S+3D"Smith"/;\{~}`,
	} {
		if got := string(appendXtext(nil, in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestXtext_RFC6533_UTF8InSevenBits(t *testing.T) {
	for in, want := range map[string]string{
		"user@example.org": "user@example.org",
		"Dörte@例子":         `D\x{F6}rte@\x{4F8B}\x{5B50}`,
		`a\b+c=d e`:        `a\x{5C}b\x{2B}c\x{3D}d\x{20}e`,
		"😀":                `\x{1F600}`,
		"{x}":              "{x}",
	} {
		if got := string(appendUTF8Xtext(nil, in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzXtext(f *testing.F) {
	for _, s := range []string{"", "a+b=c", "Carol Example", "\r\n\x00\x7f\xff", `\x{41}`, "Dörte@例子", "+2B", "\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if back, ok := parseXtext(string(appendXtext(nil, s))); !ok || back != s {
			t.Fatalf("%q is written %q and read %q, %v", s, appendXtext(nil, s), back, ok)
		}
		if !utf8.ValidString(s) || CheckText("text", s) != nil {
			return // never reaches the writer
		}
		if back, ok := parseUTF8Xtext(string(appendUTF8Xtext(nil, s))); !ok || back != s {
			t.Fatalf("%q is written %q and read %q, %v", s, appendUTF8Xtext(nil, s), back, ok)
		}
	})
}
