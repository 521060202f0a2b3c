package smtp

import (
	"slices"
	"strings"
	"testing"
)

func hello(lines ...string) Reply { return Reply{Code: 250, Text: strings.Join(lines, "\n")} }

func TestCapabilities_KeywordsInAnyCase(t *testing.T) {
	c := ParseCapabilities(hello("mx.example greets you", "PIPELINING", "size 10240000", "Auth plain LOGIN", "X-ODD\x1b thing", "", "SIZE 1", "chun\u212aing"))
	if got := c.Domain(); got != "mx.example" {
		t.Errorf("Domain() = %q", got)
	}
	for keyword, want := range map[string]string{"pipelining": "", "PIPELINING": "", "SIZE": "10240000", "Size": "10240000", "AUTH": "plain LOGIN"} {
		if got, ok := c.Params(keyword); !ok || got != want || !c.Has(keyword) {
			t.Errorf("%s: %q, %v", keyword, got, ok)
		}
	}
	for _, keyword := range []string{"PIPE", "PIPELININGS", "10240000", "mx.example", "LOGIN", "X-ODD", "SIZE 10240000", "AUTH plain", "CHUNKING", "", "S"} {
		if params, ok := c.Params(keyword); ok || params != "" || c.Has(keyword) {
			t.Errorf("%s is offered: %q", keyword, params)
		}
	}
	want := []string{"PIPELINING", "size 10240000", "Auth plain LOGIN", "X-ODD\x1b thing", "", "SIZE 1", "chun\u212aing"}
	if got := slices.Collect(c.All()); !slices.Equal(got, want) {
		t.Errorf("All() = %q", got)
	}
}

func TestCapabilities_NoneInTheZeroValueOrAReplyOfOneLine(t *testing.T) {
	for _, c := range []Capabilities{{}, ParseCapabilities(Reply{}), ParseCapabilities(hello("mx.example"))} {
		if n := len(slices.Collect(c.All())); n != 0 || c.Has("SIZE") || c.Has("mx.example") || c.Mechanisms() != nil || c.String() != "" {
			t.Errorf("%#v: %d lines", c, n)
		}
	}
}

func TestCapabilities_DiscardedKeywordsAreReadOver(t *testing.T) {
	r := hello("mx.example", "PIPELINING", "Chunking", "SIZE 10", "AUTH PLAIN", "AUTH=LOGIN", "CHUNKING again")
	c := ParseCapabilities(r, "chunking", "AUTH", "SIZ")
	if want := []string{"PIPELINING", "SIZE 10"}; !slices.Equal(slices.Collect(c.All()), want) || c.Domain() != "mx.example" {
		t.Errorf("%q of %q, want %q", slices.Collect(c.All()), c.Domain(), want)
	}
	if c.Has("CHUNKING") || c.Mechanisms() != nil {
		t.Errorf("discarded and still there: %v", c)
	}
	if all := ParseCapabilities(r, "PIPELINING", "CHUNKING", "SIZE", "AUTH"); len(slices.Collect(all.All())) != 0 {
		t.Errorf("all discarded: %q", slices.Collect(all.All()))
	}
}

func TestCapabilities_MechanismsOfEveryAuthLine(t *testing.T) {
	for text, want := range map[string][]string{
		"AUTH PLAIN LOGIN":                     {"PLAIN", "LOGIN"},
		"AUTH=LOGIN":                           {"LOGIN"},
		"auth=login plain":                     {"LOGIN", "PLAIN"},
		"AUTH PLAIN\nAUTH=PLAIN LOGIN\nAUTH X": {"PLAIN", "LOGIN", "X"},
		"AUTH  scram-sha-256   plain ":         {"SCRAM-SHA-256", "PLAIN"},
		"AUTH":                                 nil,
		"AUTH=":                                nil,
		"AUTHX PLAIN":                          nil,
		"XAUTH=PLAIN":                          nil,
		"SIZE 1\nAUTH CRAM-MD5\n8BITMIME":      {"CRAM-MD5"},
	} {
		if got := ParseCapabilities(hello("mx.example\n" + text)).Mechanisms(); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if params, ok := ParseCapabilities(hello("mx", "AUTH=LOGIN PLAIN")).Params("auth"); !ok || params != "LOGIN PLAIN" {
		t.Errorf("AUTH=: %q, %v", params, ok)
	}
}

func TestCapabilities_H8_StringIsEscaped(t *testing.T) {
	c := ParseCapabilities(hello("mx.example", "SIZE 10", "X-\x1b[2J"))
	if got, want := c.String(), `SIZE 10, X-\x1b[2J`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCapabilities_AllStopsWhenAsked(t *testing.T) {
	for line := range ParseCapabilities(hello("mx", "A", "B")).All() {
		if line != "A" {
			t.Errorf("line %q after the break", line)
		}
		break
	}
}

func TestCapabilities_LookUpAllocatesNothing(t *testing.T) {
	r := hello("mx.example", "PIPELINING", "SIZE 10", "AUTH=LOGIN", "SMTPUTF8")
	if n := testing.AllocsPerRun(100, func() {
		c := ParseCapabilities(r)
		if !c.Has("smtputf8") || c.Has("CHUNKING") {
			t.Error("wrong")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
