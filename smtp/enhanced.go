package smtp

import "strconv"

// EnhancedCode is an enhanced mail system status code, class.subject.detail
// (RFC 3463). The zero value means that the reply carried none.
type EnhancedCode struct {
	Class, Subject, Detail uint16
}

// IsZero reports whether there is no enhanced code.
func (e EnhancedCode) IsZero() bool { return e == EnhancedCode{} }

// String returns the code, "5.7.1", and "" for the zero value.
func (e EnhancedCode) String() string {
	if e.IsZero() {
		return ""
	}
	b := make([]byte, 0, len("5.999.999"))
	b = strconv.AppendUint(b, uint64(e.Class), 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(e.Subject), 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(e.Detail), 10)
	return string(b)
}

// parseEnhanced reads the enhanced code at the beginning of a reply's text. It
// counts only if its class is the first digit of the reply's code (RFC 2034 4);
// anything else is text.
func parseEnhanced(code int, text string) EnhancedCode {
	if len(text) < len("2.0.0") || text[1] != '.' || int(text[0]-'0') != code/100 || text[0] == '3' {
		return EnhancedCode{}
	}
	subject, rest, ok := upTo3Digits(text[2:])
	if !ok || rest == "" || rest[0] != '.' {
		return EnhancedCode{}
	}
	detail, rest, ok := upTo3Digits(rest[1:])
	if !ok || rest != "" && rest[0] != ' ' && rest[0] != '\n' {
		return EnhancedCode{}
	}
	return EnhancedCode{Class: uint16(text[0] - '0'), Subject: subject, Detail: detail}
}

func upTo3Digits(s string) (n uint16, rest string, ok bool) {
	i := 0
	for i < len(s) && i < 3 && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + uint16(s[i]-'0')
		i++
	}
	return n, s[i:], i > 0
}
