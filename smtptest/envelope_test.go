package smtptest

import (
	"fmt"
	"slices"
	"testing"
)

func TestParsePath(t *testing.T) {
	for args, want := range map[string]struct {
		address string
		params  []string
		ok      bool
	}{
		"FROM:<a@b>":                     {"a@b", nil, true},
		"from: <a@b>":                    {"a@b", nil, true},
		"FROM:<>":                        {"", nil, true},
		"FROM:<a@b> SIZE=1  BODY=7BIT":   {"a@b", []string{"SIZE=1", "BODY=7BIT"}, true},
		`FROM:<"a@b> ORCPT=x"@c> SIZE=1`: {`"a@b> ORCPT=x"@c`, []string{"SIZE=1"}, true},
		`FROM:<"a\"> b"@c>`:              {`"a\"> b"@c`, nil, true},
		"FROM:<@relay,@other:a@b>":       {"@relay,@other:a@b", nil, true},
		"FROM:<a@b>SIZE=1":               {},
		"FROM:a@b":                       {},
		"FROM:<a@b":                      {},
		"FROM:<a\tb@c>":                  {},
		"FROM":                           {},
		"TO:<a@b>":                       {},
		"":                               {},
	} {
		address, params, ok := parsePath(args, "FROM")
		if address != want.address || ok != want.ok || !slices.Equal(params, want.params) {
			t.Errorf("parsePath(%q) = %q, %q, %v", args, address, params, ok)
		}
	}
}

func TestEnvelope_RecipientsAreBounded(t *testing.T) {
	p := greet(t, memory(t, Config{}))
	p.ask("EHLO client.example", "250")
	p.ask("MAIL FROM:<a@example.org>", "250")
	for i := range maxRecipients {
		p.ask(fmt.Sprintf("RCPT TO:<r%d@example.net>", i), "250")
	}
	p.ask("RCPT TO:<more@example.net>", "452 4.5.3")
}
