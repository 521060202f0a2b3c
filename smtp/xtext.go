package smtp

import "strconv"

// appendXtext appends s as xtext (RFC 3461 4): printable ASCII but "+" and "="
// as it is, every other octet as "+" and two hexadecimal digits.
func appendXtext[T string | []byte](dst []byte, s T) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; isXchar(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '+', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// appendUTF8Xtext appends s, which is UTF-8, as utf-8-addr-xtext (RFC 6533 3):
// ASCII that goes with or without SMTPUTF8, other characters as "\x{HEX}".
func appendUTF8Xtext(dst []byte, s string) []byte {
	for _, r := range s {
		if r < 0x80 && isXchar(byte(r)) && r != '\\' {
			dst = append(dst, byte(r))
			continue
		}
		dst = append(dst, `\x{`...)
		at := len(dst)
		dst = strconv.AppendUint(dst, uint64(r), 16)
		for i := at; i < len(dst); i++ {
			if dst[i] >= 'a' {
				dst[i] -= 'a' - 'A'
			}
		}
		dst = append(dst, '}')
	}
	return dst
}

func isXchar(c byte) bool { return c > ' ' && c < 0x7f && c != '+' && c != '=' }
