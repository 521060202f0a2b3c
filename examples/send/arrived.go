package main

import (
	"fmt"
	"strings"

	"github.com/ehlo-go/ehlo/examples/internal/show"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// mostLines is how much of a content is shown.
const mostLines = 20

// arrived shows what the embedded server has stored.
func arrived(s *show.Screen, all []smtptest.Message) {
	s.Section("What arrived")
	if len(all) == 0 {
		s.Row("nothing", "the server has stored no message")
	}
	for _, m := range all {
		s.Row("from", path(m.From, m.Params))
		for i, to := range m.To {
			s.Row("to", path(to, m.ToParams[i]))
		}
		how := "in clear"
		if m.TLS {
			how = "in TLS"
		}
		if m.Auth != "" {
			how += ", logged in as " + smtp.Escape(m.Auth)
		}
		s.Row("how", how)
		s.Row("content", fmt.Sprintf("%d octets", m.Size))
		n := 0
		for line := range strings.Lines(string(m.Content)) {
			if n++; n <= mostLines {
				s.Text("│ " + smtp.Escape(strings.TrimRight(line, "\r\n")))
			}
		}
		if n > mostLines {
			s.Text(fmt.Sprintf("… and %d lines more", n-mostLines))
		}
	}
}

// path returns an address as it was said, with its parameters.
func path(address string, params []string) string {
	return smtp.Escape(strings.Join(append([]string{"<" + address + ">"}, params...), " "))
}
