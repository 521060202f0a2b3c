package setup

import (
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
)

// What cannot be is refused by the flag's name, as the programs' help promises, and
// what is wrong is said together with what would be right.
func TestParse_AValueThatCannotBe(t *testing.T) {
	for _, c := range [][]string{ // the flag, its value, parts of what is said
		{"-port", "70000", "70000", "0 to 65535"},
		{"-port", "-1", "-1", "0 to 65535"},
		{"-port", "smtp", "0 to 65535"},
		{"-attempts", "-1", "-1", "0 or more"},
		{"-timeout", "-5s", "-5s", "0 for no limit"},
		{"-timeout", "soon", "0 for no limit"},
		{"-local-name", "bad_name!", "bad_name!"},
		{"-local-name", "local host", "local host"},
		{"-options", "0x2", "unknown bits 0x2", "SecureExplicit"},
		{"-options", "Extended|Sideways", "Sideways", "SecureExplicit"},
		{"-host", "mail example.org", "mail example.org"},
		{"-host", "a\r\nRSET", `a\r\nRSET`},
		{"-host", "", "empty", "serves itself"},
		{"-host-name", " ", "empty"},
		{"-host-name", "a..b", "a..b"},
		{"-host-address", "mail.example", "no IP address", "-host"},
		{"-user", "a\x00b"},
		{"-proxy", "ftp://:secret@127.0.0.1", "socks5://"},
		{"-proxy", "http://:secret@[::1", "socks5://"},
	} {
		_, err := NewFlags("program", playtest.EnvOf(nil)).Parse(c[:2])
		if err == nil {
			t.Errorf("%q: no error", c[:2])
			continue
		}
		for _, want := range append(c[2:], strings.TrimSuffix(c[0], "-name")) {
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") || strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Errorf("%q: %q, want %q", c[:2], err, want)
			}
		}
	}
}

// What may look odd and can be.
func TestParse_AValueThatCanBe(t *testing.T) {
	for _, args := range [][]string{
		{"-port", "0"}, {"-port", "65535"}, {"-attempts", "0"}, {"-timeout", "0"}, {"-local-name", "[192.0.2.1]"}, {"-local-name", ""},
		{"-options", "0x1001"}, {"-options", "4097"}, {"-options", " 0x1 "}, {"-options", "None"}, {"-options", "extended|secureimplicit"},
		{"-host", "[::1]"}, {"-host", "münchen.example"}, {"-host-address", "::1"}, {"-user", ""},
		{"-host", "a.example", "-host-address", ""}, {"-proxy", "socks5://me:secret@192.0.2.1:1080"},
	} {
		if _, err := NewFlags("program", playtest.EnvOf(nil)).Parse(args); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}
