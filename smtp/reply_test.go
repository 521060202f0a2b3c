package smtp

import (
	"slices"
	"strings"
	"testing"
)

func TestReply_TheFirstDigitDecides(t *testing.T) {
	type class struct{ positive, intermediate, temporary, permanent, negative bool }
	for code := range 700 {
		r := Reply{Code: code}
		want := map[int]class{2: {positive: true}, 3: {intermediate: true}, 4: {temporary: true, negative: true}, 5: {permanent: true, negative: true}}[code/100]
		if got := (class{r.Positive(), r.Intermediate(), r.Temporary(), r.Permanent(), r.Negative()}); got != want {
			t.Errorf("%d: %+v, want %+v", code, got, want)
		}
		if r.IsZero() != (code == 0) {
			t.Errorf("%d: IsZero() = %v", code, r.IsZero())
		}
	}
}

func TestReply_LinesAreTheServers(t *testing.T) {
	for text, want := range map[string][]string{
		"":         {""},
		"a":        {"a"},
		"a\nb\n":   {"a", "b", ""},
		"\n\n":     {"", "", ""},
		"a\r\nb c": {"a\r", "b c"},
	} {
		if got := slices.Collect(Reply{Code: 250, Text: text}.Lines()); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestReply_H8_StringIsOneEscapedLine(t *testing.T) {
	for want, r := range map[string]Reply{
		"":                          {Text: "no code, no reply"},
		"250":                       {Code: 250},
		"250 a / b":                 {Code: 250, Text: "a\nb"},
		`550 5.7.1 \x1b[31mred\x00`: {Code: 550, Enhanced: EnhancedCode{5, 7, 1}, Text: "5.7.1 \x1b[31mred\x00"},
		`250 a\rb / \u202etxt.exe`:  {Code: 250, Text: "a\rb\n\u202etxt.exe"},
		`421 \xff\xfe grüße \\ 日本`:  {Code: 421, Text: "\xff\xfe grüße \\ 日本"},
		"250 " + strings.Repeat("x", 1024) + "…": {Code: 250, Text: strings.Repeat("x", 60_000)},
	} {
		if got := r.String(); got != want {
			t.Errorf("got  %.200s\nwant %.200s", got, want)
		}
	}
}
