package smtp

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// checkPrintable fails if s holds what must not reach a terminal or a log.
func checkPrintable(t testing.TB, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("not UTF-8: %q", s)
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			t.Fatalf("%U in %q", r, s)
		}
	}
}

func TestEscape_H8_NothingButPrintableText(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"250 ok":                "250 ok",
		"grüße, 日本, 👍":          "grüße, 日本, 👍",
		"\x1b[31m":              `\x1b[31m`,
		"a\r\nb\tc\x00\x07\x7f": `a\r\nb\tc\x00\a\x7f`,
		"\u202eexe.txt\u200b":   `\u202eexe.txt\u200b`,
		"\u0085\u2028\u00a0":    `\u0085\u2028\u00a0`,
		"\U000e0001":            `\U000e0001`,
		"\xff\xc3(":             `\xff\xc3(`,
		"\ufffd":                "\ufffd",
		`a\x1b`:                 `a\\x1b`,
		`'"`:                    `'"`,
	} {
		got := Escape(in)
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
		checkPrintable(t, got)
	}
}

func TestEscape_LongTextIsCutBetweenCharacters(t *testing.T) {
	for _, char := range []string{"x", "ü", "日", "👍"} {
		for shift := range 4 {
			in := strings.Repeat("x", shift) + strings.Repeat(char, 2000)
			got := Escape(in)
			kept, ok := strings.CutSuffix(got, "…")
			if !ok || !strings.HasPrefix(in, kept) || !utf8.ValidString(kept) || len(kept) > 1024 || len(kept) <= 1024-utf8.UTFMax {
				t.Errorf("%s after %d octets: kept %d, ending in %q", char, shift, len(kept), kept[max(0, len(kept)-12):])
			}
		}
	}
	for n, want := range map[int]int{1024: 1024, 1025: 1024 + len("…")} {
		if got := len(Escape(strings.Repeat("x", n))); got != want {
			t.Errorf("%d octets became %d, want %d", n, got, want)
		}
	}
	if got := Escape(strings.Repeat("\x80", 5000)); len(got) > 4*1024+len("…") {
		t.Errorf("%d octets", len(got))
	}
}

func TestEscape_CleanTextIsNotCopied(t *testing.T) {
	const s = "250 2.0.0 ok, grüße"
	if n := testing.AllocsPerRun(100, func() {
		if Escape(s) != s {
			t.Error("changed")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "a", `\`, `\x1b`, "\x1b", "\xff", "\u202e", "ü日👍", strings.Repeat("日", 400), strings.Repeat("\x80", 1030), "\ufffd", "a'b\"c"} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		got := Escape(s)
		checkPrintable(t, got)
		if Escape(s) != got {
			t.Fatalf("%q: not deterministic", s)
		}
		if len(got) > 10*maxPrinted {
			t.Fatalf("%d octets", len(got))
		}
		if len(s) <= maxPrinted && len(other) <= maxPrinted && s != other && got == Escape(other) {
			t.Fatalf("%q and %q are both %s", s, other, got)
		}
		checkPrintable(t, escape(s, false))
		if len(s) <= maxPrinted/10 && escape(got, false) != got {
			t.Fatalf("%q: escaped twice: %s", s, escape(got, false))
		}
	})
}
