package smtp

import (
	"iter"
	"slices"
	"strings"
)

// Capabilities are the extensions a server listed in its reply to EHLO
// (RFC 5321 4.1.1.1). The zero value is a server without any. It is immutable
// and keeps the text of the reply; a look-up walks its lines.
type Capabilities struct {
	domain string
	lines  string // "KEYWORD params\n…", as the server wrote them
}

// ParseCapabilities reads the reply to EHLO (or LHLO). Keywords named in
// discard are read over, in any case: a way around a server that offers what
// it does badly. Odd lines are kept as text.
func ParseCapabilities(r Reply, discard ...string) Capabilities {
	first, lines, _ := strings.Cut(r.Text, "\n")
	domain, _, _ := strings.Cut(first, " ")
	c := Capabilities{domain: domain, lines: lines}
	if len(discard) == 0 {
		return c
	}
	var kept []string
	for line := range c.All() {
		keyword, _ := cutKeyword(line)
		if !slices.ContainsFunc(discard, func(d string) bool { return strings.EqualFold(d, keyword) }) {
			kept = append(kept, line)
		}
	}
	c.lines = strings.Join(kept, "\n")
	return c
}

// Domain returns the name the server gave itself, raw.
func (c Capabilities) Domain() string { return c.domain }

// All yields every line of the list as the server wrote it, raw.
func (c Capabilities) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		if c.lines == "" {
			return
		}
		for line := range strings.SplitSeq(c.lines, "\n") {
			if !yield(line) {
				return
			}
		}
	}
}

// Has reports whether the server offers a keyword, in any case.
func (c Capabilities) Has(keyword string) bool {
	_, ok := c.Params(keyword)
	return ok
}

// Params returns what stands behind a keyword, raw, and whether the server
// offers it. Of a keyword listed twice it is the first line's.
func (c Capabilities) Params(keyword string) (params string, ok bool) {
	for rest, more := c.lines, keyword != ""; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		if line == "" || (line[0]^keyword[0])|0x20 != 0x20 {
			continue // as nearly all are
		}
		if k, p := cutKeyword(line); len(k) == len(keyword) && strings.EqualFold(k, keyword) { // or the Kelvin sign were a K
			return p, true
		}
	}
	return "", false
}

// maxMechanisms is more than there are, and few enough to be compared.
const maxMechanisms = 64

// Mechanisms returns the SASL mechanisms of every AUTH line (RFC 4954 3), in
// upper case, each once, in the server's order, the first 64. "AUTH=LOGIN", as old servers
// write it, counts too.
func (c Capabilities) Mechanisms() []string {
	var all []string
	for line := range c.All() {
		k, p := cutKeyword(line)
		if !strings.EqualFold(k, "AUTH") {
			continue
		}
		for m := range strings.FieldsSeq(p) {
			if m = strings.ToUpper(m); !slices.Contains(all, m) {
				all = append(all, m)
			}
			if len(all) == maxMechanisms {
				return all
			}
		}
	}
	return all
}

// String returns the keywords with their parameters on one line, escaped.
func (c Capabilities) String() string { return Escape(strings.Join(slices.Collect(c.All()), ", ")) }

// cutKeyword splits a line at the first blank; "AUTH=X Y" is AUTH with "X Y".
func cutKeyword(line string) (keyword, params string) {
	keyword, params, _ = strings.Cut(line, " ")
	const auth = "AUTH="
	if hasPrefixFold(keyword, auth) {
		return keyword[:len(auth)-1], line[len(auth):]
	}
	return keyword, params
}
