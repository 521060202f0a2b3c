package smtp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestParseHost_C3_NamesAndAddresses(t *testing.T) {
	name := func(s string) Host { return Host{Name: s} }
	addr := func(s string) Host { return Host{Addr: netip.MustParseAddr(s)} }
	long := strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("a", 61)
	for in, want := range map[string]Host{
		"mx.example":              name("mx.example"),
		"MX.Example":              name("MX.Example"),
		"mx.example.":             name("mx.example"),
		" \tmx.example\t ":        name("mx.example"),
		"localhost":               name("localhost"),
		"a_b.example":             name("a_b.example"),
		"xn--bcher-kva.example":   name("xn--bcher-kva.example"),
		"bücher.example":          name("xn--bcher-kva.example"),
		"BÜCHER.example":          name("xn--bcher-kva.example"),
		"例え。テスト":                  name("xn--r8jz45g.xn--zckzah"),
		"1and1.example":           name("1and1.example"),
		"127.1.example":           name("127.1.example"),
		long:                      name(long),
		"192.0.2.1":               addr("192.0.2.1"),
		"[192.0.2.1]":             addr("192.0.2.1"),
		"::1":                     addr("::1"),
		"[::1]":                   addr("::1"),
		"[IPv6:::1]":              addr("::1"),
		"[ipv6:2001:DB8::1]":      addr("2001:db8::1"),
		"fe80::1%eth0":            addr("fe80::1%eth0"),
		"[fe80::1%eth0]":          addr("fe80::1%eth0"),
		" [IPv6:fe80::1%eth0] ":   addr("fe80::1%eth0"),
		"::ffff:192.0.2.1":        addr("192.0.2.1"),
		"[IPv6:::ffff:192.0.2.1]": addr("192.0.2.1"),
	} {
		got, err := ParseHost("HostName", in)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", in, got, err, want)
		}
		if got.IsZero() {
			t.Errorf("%q: IsZero", in)
		}
	}
}

func TestParseHost_H4_RefusesEverythingElse(t *testing.T) {
	for _, in := range []string{
		"", " ", "\t", "mx example", "mx.example\r\n", "\nmx.example", "mx\x00.example", "mx\x7f.example", "mx\u00a0example", "mx\u0085.example",
		"mx\x1b.example", "mx.example\r\nRCPT TO:<x>", "\xff.example", "mx..example", ".example", ".", "-a.example", "a-.example", "a.-b", "mx.example..",
		"mx.example:25", "user@mx.example", "smtp://mx.example", "mx/example", "mx\\example", "*.example", "ｍｘ：25",
		"[mx.example]", "[]", "[", "]", "[192.0.2.1", "192.0.2.1]", "[IPv6:192.0.2.1]", "[IPv6:]", "[IPv6:mx]", "[[::1]]", "[::1]x", "[::1]:25", "::1::", "[ ::1 ]",
		"192.0.2.1.", "１９２.0.2.1", "192。0。2。1", // addresses in disguise: never a look-up
		"fe80::1%", "fe80::1%a\r\nb", "fe80::1%a b", "fe80::1%a\u0085", "fe80::1%a\u0080", "fe80::1%a\u2028", "fe80::1%\xff", "192.0.2.1%eth0",
		strings.Repeat("a", 64) + ".example", strings.Repeat("abc.", 63) + "ab", strings.Repeat("ü", 60) + ".example",
	} {
		got, err := ParseHost("HostName", in)
		var e *Error
		if !errors.As(err, &e) || e.Kind != KindInvalid || !e.Permanent || !got.IsZero() {
			t.Errorf("%q: %+v, %v", in, got, err)
			continue
		}
		if !strings.Contains(e.Error(), "HostName") {
			t.Errorf("%q: the error does not name the argument: %v", in, e)
		}
		checkPrintable(t, e.Error())
	}
}

func TestHost_String(t *testing.T) {
	for in, want := range map[string]string{"mx.example": "mx.example", "[192.0.2.1]": "192.0.2.1", "[IPv6:fe80::1%eth0]": "fe80::1%eth0"} {
		if h, err := ParseHost("host", in); err != nil || h.String() != want {
			t.Errorf("%q: %q, %v; want %q", in, h, err, want)
		}
	}
	if got := (Host{}).String(); got != "" {
		t.Errorf("zero value: %q", got)
	}
}

func TestParseLocalName_IsANameOrALiteral(t *testing.T) {
	for in, want := range map[string]string{
		"client.example":     "client.example",
		"client":             "client",
		"bücher.example":     "xn--bcher-kva.example",
		"192.0.2.1":          "[192.0.2.1]",
		"[192.0.2.1]":        "[192.0.2.1]",
		"2001:db8::1":        "[IPv6:2001:db8::1]",
		"[2001:db8::1]":      "[IPv6:2001:db8::1]",
		"[IPv6:2001:db8::1]": "[IPv6:2001:db8::1]",
		"fe80::1%eth0":       "[IPv6:fe80::1]",
		"::ffff:192.0.2.1":   "[192.0.2.1]",
	} {
		got, err := ParseLocalName(in)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
		if again, err := ParseLocalName(got); err != nil || again != got {
			t.Errorf("%q is not taken again: %q, %v", got, again, err)
		}
	}
	for _, in := range []string{
		"", " ", "a b", "a_b", "client.example.", "client.example\r\nMAIL FROM:<>", "a\x00", "-a", "a..b", "[client]", "[192.0.2.1", "192.0.2.1]", "]192.0.2.1[",
		"１９２.0.2.1", "fe80::1%\r\nQUIT", strings.Repeat("a", 64), "IPv6:::1", "user@host",
	} {
		got, err := ParseLocalName(in)
		if !errors.Is(err, ErrInvalid) || got != "" {
			t.Errorf("%q: %q, %v", in, got, err)
			continue
		}
		checkPrintable(t, err.Error())
	}
}

func TestAddressLiteral_RFC5321_WithoutZone(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "[192.0.2.1]", "2001:db8::1": "[IPv6:2001:db8::1]", "fe80::1%eth0": "[IPv6:fe80::1]", "::ffff:192.0.2.1": "[192.0.2.1]", "::": "[IPv6:::]",
	} {
		if got := AddressLiteral(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestCheckText_H4_RefusesControlsAndHidesTheValue(t *testing.T) {
	for _, s := range []string{"", "user", "user@example", "pass word", "grüße", "日本"} {
		if err := CheckText("UserName", s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"secret\r", "secret\n", "secret\x00", "secret\t", "secret\x1b", "secret\x7f", "secret\u0085"} {
		err := CheckText("Password", s)
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", s, err)
			continue
		}
		if text := err.Error(); strings.Contains(text, "secret") || !strings.Contains(text, "Password") || !strings.Contains(text, "octet 6") {
			t.Errorf("%q: %v", s, err)
		}
	}
	if err := CheckText("Password", "secret\xff"); !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "secret") {
		t.Errorf("octets that are no UTF-8: %v", err)
	}
}

func FuzzParseHost(f *testing.F) {
	for _, s := range []string{
		"", "mx.example", "bücher.example.", "192.0.2.1", "192.0.2.1.", "[IPv6:::1]", "fe80::1%eth0", "::ffff:1.2.3.4", "１.2.3.4", "例え。テスト。",
		"[::1", "mx.example\r\n", "a_b", "xn--a", " x\t", "[IPv6:1.2.3.4]", "fe80::1%\u0085", "::ffff:1.2.3.4%x", "ß.example", "ſ.example", "㏇",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHost("host", s)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || !h.IsZero() {
				t.Fatalf("%q: %+v, %v", s, h, err)
			}
			checkPrintable(t, err.Error())
			return
		}
		if (h.Name != "") == h.Addr.IsValid() {
			t.Fatalf("%q: not exactly one of %+v", s, h)
		}
		if again, err := ParseHost("host", h.String()); err != nil || again != h {
			t.Fatalf("%q became %+v, which becomes %+v, %v", s, h, again, err)
		}
		if text := h.String(); !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || unicode.IsControl(r) || unicode.IsSpace(r) }) {
			t.Fatalf("%q became %q", s, text)
		}
		local, err := ParseLocalName(h.String())
		if err != nil {
			if !strings.Contains(h.Name, "_") {
				t.Fatalf("%q is a host and no local name: %v", h, err)
			}
			return
		}
		for i := range len(local) {
			if c := local[i]; c <= ' ' || c >= 0x7f {
				t.Fatalf("%q: local name %q", s, local)
			}
		}
	})
}
