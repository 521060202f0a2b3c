package show

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// End prints the report: where the time went, TLS, capabilities, and of a
// failure what might help.
func (s *Screen) End() {
	s.settle()
	if rows := s.falls.rows(s.Palette); len(rows) > 0 {
		s.Section("Where the time went")
		for _, row := range rows {
			fmt.Fprintln(s.out, strings.TrimRight(row, " "))
		}
	}
	s.endTLS()
	s.endCapabilities()
	s.endMessage()
	s.endFailure()
}

// Section begins a part of the report.
func (s *Screen) Section(title string) { fmt.Fprintf(s.out, "\n%s\n", s.bold(title)) }

// Row prints a name and a text, wrapped below itself.
func (s *Screen) Row(name, text string) { s.row(name, text, s.plain) }

func (s *Screen) row(name, text string, colour func(string) string) {
	for _, line := range Wrap(text, Columns-2-nameColumn) {
		fmt.Fprintf(s.out, "  %s%s\n", s.dim(pad(name, nameColumn)), colour(line))
		name = ""
	}
}

func (s *Screen) endTLS() {
	switch {
	case s.secure != nil:
		s.Section("TLS")
		version := s.secure.VersionName()
		if s.secure.Resumed {
			version += ", resumed"
		}
		s.row("version", version, s.plain)
		s.row("cipher", s.secure.CipherSuiteName(), s.plain)
		s.row("server name", smtp.Escape(s.secure.ServerName), s.plain)
		if s.secure.Verdict == nil {
			s.row("certificate", "verified", s.Green)
		} else {
			s.row("certificate", "NOT verified, permitted by TrustedSite", s.Yellow)
			s.row("verdict", Say(s.secure.Verdict), s.Yellow)
		}
		s.certificate(s.secure.Certificate)
	case s.failed != nil && errors.Is(s.failed.Err, smtp.ErrCertificate):
		s.Section("TLS")
		s.row("certificate", "refused", s.Red)
		s.certificate(refused(s.failed.Err))
	case s.ready:
		s.Section("TLS")
		s.row("none", "everything went in clear", s.Yellow)
	}
}

func (s *Screen) certificate(c *x509.Certificate) {
	if c == nil {
		return
	}
	s.row("names", strings.Join(namesOf(c), ", "), s.plain)
	s.row("issuer", smtp.Escape(c.Issuer.String()), s.plain)
	s.row("valid until", c.NotAfter.UTC().Format(time.DateOnly), s.plain)
}

// refused returns the certificate that was not verified, if the error has it.
func refused(err error) *x509.Certificate {
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return e.Certificate
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return e.Cert
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return e.Cert
	}
	return nil
}

// namesOf returns what a certificate speaks for, escaped, the first few.
func namesOf(c *x509.Certificate) []string {
	const most = 20
	names := []string{}
	for _, n := range c.DNSNames {
		names = append(names, smtp.Escape(n))
	}
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return names
}

func (s *Screen) endCapabilities() {
	if s.hello == nil {
		return
	}
	title, n := "Capabilities", 0
	if domain := s.hello.Capabilities.Domain(); domain != "" {
		title = HeadOf("Capabilities of "+smtp.Escape(domain), Columns)
	}
	s.Section(title)
	for line := range s.hello.Capabilities.All() {
		keyword, params, _ := strings.Cut(line, " ")
		s.capability(smtp.Escape(line), meaning(keyword, params))
		n++
	}
	switch {
	case n > 0:
	case s.hello.Capabilities.Domain() == "":
		s.row("none", "HELO was said, which asks for none", s.plain)
	default:
		s.row("none", "the server knows EHLO and offers nothing", s.plain)
	}
}

const capabilityColumn = 24

// capability prints a line of EHLO's answer and what it means; a long one has
// its meaning below.
func (s *Screen) capability(line, meaning string) {
	lines := Wrap(line, Columns-2)
	last := lines[len(lines)-1]
	if meaning == "" || Wide(last) >= capabilityColumn {
		lines = append(lines, "")
		last = ""
	}
	for _, l := range lines[:len(lines)-1] {
		fmt.Fprintf(s.out, "  %s\n", l)
	}
	if meaning != "" {
		fmt.Fprintf(s.out, "  %s%s\n", pad(last, capabilityColumn), s.dim(meaning))
	}
}

// meaning returns what a keyword of EHLO is about, "" if we do not know.
func meaning(keyword, params string) string {
	switch strings.ToUpper(keyword) {
	case "8BITMIME":
		return "content may have octets over 127 (RFC 6152)"
	case "AUTH":
		return "log in (RFC 4954)"
	case "BINARYMIME":
		return "content may be binary (RFC 3030)"
	case "CHUNKING":
		return "content in counted chunks, BDAT (RFC 3030)"
	case "DELIVERBY":
		return "deliver within a time (RFC 2852)"
	case "DSN":
		return "ask for delivery reports (RFC 3461)"
	case "ENHANCEDSTATUSCODES":
		return "replies such as 250 2.1.0 (RFC 2034)"
	case "ETRN":
		return "start its queue for us (RFC 1985)"
	case "HELP":
		return "HELP is answered (RFC 5321)"
	case "LIMITS":
		return "says what it takes (RFC 9422)"
	case "PIPELINING":
		return "commands need not wait for replies (RFC 2920)"
	case "REQUIRETLS":
		return "TLS all the way, or bounce (RFC 8689)"
	case "SIZE":
		return strings.TrimSpace(size(params) + " (RFC 1870)")
	case "SMTPUTF8":
		return "addresses in UTF-8 (RFC 6531)"
	case "STARTTLS":
		return "TLS on this connection (RFC 3207)"
	case "VRFY":
		return "VRFY is answered (RFC 5321)"
	}
	return ""
}

// size says in words how large a message may be.
func size(params string) string {
	var n uint64
	if _, err := fmt.Sscan(params, &n); err != nil || n == 0 {
		return "sizes are declared, no fixed limit"
	}
	const mega = 1 << 20
	if n < mega {
		return fmt.Sprintf("messages of up to %d octets", n)
	}
	return fmt.Sprintf("messages of up to %.1f MiB", float64(n)/mega)
}

// endFailure sums a failure up; the events have told all of it.
func (s *Screen) endFailure() {
	switch {
	case s.failed != nil:
		where := ""
		if n := s.falls.attempts(); n > 0 {
			where = fmt.Sprintf("in %s, attempt %d", failureOf(s.failed.Err).Phase, n)
		}
		s.failure("Not connected", where, s.failed.Err, Hint(s.failed.Err))
	case s.login != nil && s.login.Err != nil:
		s.failure("Not logged in", smtp.Escape(s.login.Mechanism), s.login.Err, Hint(s.login.Err))
	case s.message != nil && s.message.Err != nil:
		s.failure(fate(s.message), smtp.Escape(failureOf(s.message.Err).Command), s.message.Err, messageHint(s.message.Receipt, s.message.Err))
	}
}

func (s *Screen) failure(title, where string, err error, hint string) {
	s.Section(s.Red(title))
	f := failureOf(err)
	if where != "" {
		s.row("where", where, s.plain)
	}
	code := strconv.Itoa(f.Code)
	if f.Type != code { // that of a reply is its code
		code += ", " + f.Type
	}
	s.row("code", code, s.plain)
	if f.Reply != "" {
		s.row("reply", f.Reply, s.plain)
	}
	if hint != "" {
		s.row("hint", hint, s.plain)
	}
}

// Text prints a line, cut to the columns.
func (s *Screen) Text(line string) { fmt.Fprintf(s.out, "  %s\n", HeadOf(line, Columns-2)) }
