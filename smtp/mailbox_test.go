package smtp

import (
	"errors"
	"net/mail"
	"strings"
	"testing"
)

func TestParseMailbox_RFC5321_DotStringsAndQuotedStrings(t *testing.T) {
	for in, want := range map[string]Mailbox{
		"user@example.org":                       {"user", "example.org"},
		" \tuser@example.org\t ":                 {"user", "example.org"},
		"User.Name+tag@Example.ORG":              {"User.Name+tag", "Example.ORG"},
		"!#$%&'*+-/=?^_`{|}~@example":            {"!#$%&'*+-/=?^_`{|}~", "example"},
		`"a b"@example.org`:                      {"a b", "example.org"},
		`"a@b"@example.org`:                      {"a@b", "example.org"},
		`"a\"\\b"@example.org`:                   {`a"\b`, "example.org"},
		`"plain"@example.org`:                    {"plain", "example.org"},
		`"p\l\ain"@example.org`:                  {"plain", "example.org"},
		`".."@example.org`:                       {"..", "example.org"},
		`"a@b> ORCPT=x"@c`:                       {"a@b> ORCPT=x", "c"},
		"grüße@example.org":                      {"grüße", "example.org"},
		`"grü ße"@example.org`:                   {"grü ße", "example.org"},
		"ｕｓｅｒ@example.org":                       {"ｕｓｅｒ", "example.org"},
		"user@bücher.example":                    {"user", "bücher.example"},
		"user@BÜCHER.example":                    {"user", "BÜCHER.example"},
		"user@xn--bcher-kva.テスト":                 {"user", "xn--bcher-kva.テスト"},
		"user@straße.example":                    {"user", "straße.example"},
		"user@a_b.example":                       {"user", "a_b.example"},
		"user@1and1.example":                     {"user", "1and1.example"},
		"user@localhost":                         {"user", "localhost"},
		"user@[192.0.2.1]":                       {"user", "[192.0.2.1]"},
		"user@[IPv6:2001:db8::1]":                {"user", "[IPv6:2001:db8::1]"},
		"user@[ipv6:2001:DB8::1]":                {"user", "[ipv6:2001:DB8::1]"},
		strings.Repeat("x", 64) + "@example.org": {strings.Repeat("x", 64), "example.org"},
		strings.Repeat("x", 64) + "@" + strings.Repeat("abc.", 47) + "a": {strings.Repeat("x", 64), strings.Repeat("abc.", 47) + "a"},
		"u@" + strings.Repeat("abc.", 62) + "com":                        {"u", strings.Repeat("abc.", 62) + "com"},
	} {
		got, err := ParseMailbox(in)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", in, got, err, want)
			continue
		}
		if again, err := ParseMailbox(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q, which is %+v, %v", in, got, again, err)
		}
	}
}

func TestParseMailbox_H4_H5_RefusesEverythingElse(t *testing.T) {
	for _, in := range []string{
		"", " ", "user", "@", "@example.org", "user@", `""@example.org`, `"`, `"@`, `"user`, `"user\"@example.org`, `"user\`, `"user"example.org`, `"user" @example.org`,
		"<user@example.org>", "User <user@example.org>", "user@example.org>", "user@example.org> SIZE=1", "user@example.org SIZE=1", "a b@example.org", "a,b@example.org",
		"@a.example,@b.example:user@c.example", "@a.example:user@c.example", // source routes
		"a@b@c.example", `"a"@b@c.example`, `a"b"@c.example`, "a..b@c.example", ".a@c.example", "a.@c.example", `a\b@c.example`, "a(b)@c.example", "a:b@c.example",
		"us\rer@example.org", "us\ner@example.org", "us\x00er@example.org", "us\x7fer@example.org", "us\ter@example.org", "us\u0085er@example.org", "\xff@example.org",
		"\"us\r\ner\"@example.org", "\"us\ter\"@example.org", "\"us\x00er\"@example.org", "\"\\\r\"@example.org", `"\é"@example.org`, "\"\xff\"@example.org",
		"user@example.org\r\nDATA", "\nuser@example.org", "user@exam\r\nple.org", "user@exam\x00ple.org",
		"us\u200ber@example.org", "us\u202eer@example.org", "us\u00a0er@example.org", "us\u3000er@example.org", "us\ufeffer@example.org", // unseen
		"user＠evil.example@example.org", "a﹫b@example.org", "a＞b@example.org", "a︐b@example.org", // look like syntax
		"a\u2024b@example.org", "a\u2025b@example.org", "a\u207db@example.org", "a\u037eb@example.org", "a\u2474b@example.org", "a\u00a8b@example.org", // to NFKC
		"a\u3164b@example.org", "a\ufe0fb@example.org", "a\u034fb@example.org",
		"user@ｅxample.org", "user@exa\u200bmple.org", "user@exa\u00admple.org", "user@bü\u200bcher.example", "user@例え。テスト", "user@\u212a.example", "user@\u212aü.example", "user@ſ.example",
		"user@..", "user@a..b", "user@.a", "user@a.", "user@-a", "user@a-", "user@a-.b", "user@a b", "user@a,b", "user@a:25", "user@" + strings.Repeat("a", 64), "user@192.0.2.1", "user@１９２.0.2.1",
		"user@[]", "user@[", "user@]", "user@[192.0.2.1", "user@192.0.2.1]", "user@[::1]", "user@[IPv6:192.0.2.1]", "user@[IPv6:]", "user@[IPv6:fe80::1%eth0]", "user@[mx.example]", "user@[[192.0.2.1]]",
		"user@[192.0.2.1]x", "user@[tag:content]", "user@[IPv6:::1\r\n]",
		strings.Repeat("x", 65) + "@example.org", `"` + strings.Repeat(" ", 63) + `"@example.org`, `"` + strings.Repeat(`\"`, 32) + `"@example.org`, strings.Repeat("ü", 33) + "@example.org",
		strings.Repeat("x", 64) + "@" + strings.Repeat("abc.", 47) + "ab", "user@" + strings.Repeat("a", 64) + ".example",
		"u@" + strings.Repeat("abc.", 63) + "com", "user1@" + strings.Repeat("abc.", 61) + "abcdefghi",
	} {
		got, err := ParseMailbox(in)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != KindInvalid || !e.Permanent || got != (Mailbox{}) {
			t.Errorf("%q: %+v, %v", in, got, err)
			continue
		}
		checkPrintable(t, e.Error())
	}
}

func TestParseMailbox_SaysThatASourceRouteIsOne(t *testing.T) {
	if _, err := ParseMailbox("@a.example:user@c.example"); err == nil || !strings.Contains(err.Error(), "source route") {
		t.Error(err)
	}
}

func TestMailbox_AppendPath_AsItGoesOnTheWire(t *testing.T) {
	for in, want := range map[string]string{
		"user@example.org":               "<user@example.org>",
		`"user"@example.org`:             "<user@example.org>",
		`"a@b> ORCPT=x"@c`:               `<"a@b> ORCPT=x"@c>`,
		`"a\"\\b"@c`:                     `<"a\"\\b"@c>`,
		"user@BÜCHER.example":            "<user@xn--bcher-kva.example>",
		"user@例え.テスト":                    "<user@xn--r8jz45g.xn--zckzah>",
		"user@[IPV6:2001:DB8::1]":        "<user@[IPv6:2001:db8::1]>",
		"user@[IPv6:::ffff:192.0.2.1]":   "<user@[192.0.2.1]>",
		"Dörte@Sörensen.example.com":     "<Dörte@xn--srensen-90a.example.com>",
		"用户@例子.广告":                       "<用户@xn--fsqu00a.xn--4rr70v>",
		"user.name+tag@sub.example.org ": "<user.name+tag@sub.example.org>",
	} {
		m, err := ParseMailbox(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		got, err := m.AppendPath([]byte("TO:"), true)
		if err != nil || string(got) != "TO:"+want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
		got, err = m.AppendPath([]byte("TO:"), false)
		if m.NeedsUTF8() {
			if !errors.Is(err, ErrNotOffered) || string(got) != "TO:" || !strings.Contains(err.Error(), "SMTPUTF8") {
				t.Errorf("%q without SMTPUTF8: %q, %v", in, got, err)
			}
		} else if err != nil || string(got) != "TO:"+want {
			t.Errorf("%q without SMTPUTF8: %q, %v", in, got, err)
		}
	}
}

func TestMailbox_AppendPath_H4_AMailboxMadeByHandIsCheckedToo(t *testing.T) {
	for _, m := range []Mailbox{
		{}, {"user", ""}, {"", "example.org"}, {"a\r\nDATA", "example.org"}, {"a", "b\r\nDATA"}, {"a", "b> SIZE=1"}, {"a", "b@c"}, {"a\x00", "b"}, {"a\xff", "b"}, {"a", "\xff"},
		{"a", "[192.0.2.1]>"}, {"a\u200b", "b"}, {strings.Repeat(`"`, 32), "b"}, {"a", strings.Repeat("a.", 127)},
	} {
		got, err := m.AppendPath(nil, true)
		if !errors.Is(err, ErrInvalid) || got != nil {
			t.Errorf("%+q: %q, %v", m, got, err)
			continue
		}
		checkPrintable(t, err.Error())
	}
}

func TestMailbox_NeedsUTF8_OnlyForTheLocalPart(t *testing.T) {
	for in, want := range map[string]bool{"user@example.org": false, "user@bücher.example": false, "grüße@example.org": true, `"ü "@a`: true} {
		if m, err := ParseMailbox(in); err != nil || m.NeedsUTF8() != want {
			t.Errorf("%q: %v, %v", in, m.NeedsUTF8(), err)
		}
	}
}

func TestMailbox_ASimpleAddressCostsNoAllocation(t *testing.T) {
	buffer := make([]byte, 0, 512)
	for _, s := range []string{"user@example.org", "User.Name+tag@mail-1.sub.Example.ORG", `"a b"@example.org`} {
		if n := testing.AllocsPerRun(100, func() {
			m, err := ParseMailbox(s)
			if err != nil {
				t.Fatal(err)
			}
			if buffer, err = m.AppendPath(buffer[:0], false); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%q: %v allocations", s, n)
		}
	}
}

func FuzzMailbox(f *testing.F) {
	for _, s := range []string{
		"user@example.org", `"a@b> ORCPT=x"@c`, `"a\"\\b"@example.org`, "grüße@bücher.example", "user@[IPv6:2001:db8::1]", "user@[192.0.2.1]", "a@b@c", "@a:b@c", `"\`, "us\u200ber@ｅ.example",
		"a@xn--a", "a@xn--bcher-kva.テスト", "a@ẞ.example", "a@\u212a.example", "a@例え。テスト", "a\r\n@b", "<a@b>", " a@b ", `""@b`, "a@İ.example", "a@ς.example", "a＠b@c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMailbox(s)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || m != (Mailbox{}) {
				t.Fatalf("%q: %+v, %v", s, m, err)
			}
			checkPrintable(t, err.Error())
			return
		}
		if again, err := ParseMailbox(m.String()); err != nil || again != m {
			t.Fatalf("%q became %+v, which is written %q and becomes %+v, %v", s, m, m, again, err)
		}
		path, err := m.AppendPath(nil, true)
		if err != nil {
			t.Fatalf("%q is a mailbox and no path: %v", s, err)
		}
		inner, ok := strings.CutPrefix(string(path), "<")
		inner, ok2 := strings.CutSuffix(inner, ">")
		if !ok || !ok2 || len(path) > maxPath {
			t.Fatalf("%q: path %q", s, path)
		}
		wire, err := ParseMailbox(inner)
		if err != nil || wire.Local != m.Local || !isASCII(wire.Domain) {
			t.Fatalf("%q goes out as %q, which is %+v, %v", s, path, wire, err)
		}
		if again, err := wire.AppendPath(nil, true); err != nil || string(again) != string(path) {
			t.Fatalf("%q goes out as %q, and that as %q, %v", s, path, again, err)
		}
		quoted := false
		for i := 0; i < len(inner); i++ { // nothing outside quotes may end the path
			switch c := inner[i]; {
			case c < ' ' || c == 0x7f:
				t.Fatalf("%q: control in %q", s, path)
			case c == '\\' && quoted:
				i++
			case c == '"':
				quoted = !quoted
			case !quoted && (c == '>' || c == '<' || c == ' '):
				t.Fatalf("%q: the path %q ends early", s, path)
			}
		}
		if quoted {
			t.Fatalf("%q: the path %q has an open quote", s, path)
		}
		// A second opinion on the quoting, of what net/mail knows as an address.
		if !m.NeedsUTF8() && !strings.HasPrefix(wire.Domain, "[") {
			if a, err := mail.ParseAddress(string(path)); err == nil {
				if at := strings.LastIndexByte(a.Address, '@'); a.Address[:at] != m.Local {
					t.Fatalf("%q goes out as %q, which net/mail reads as %q", s, path, a.Address)
				}
			}
		}
	})
}
