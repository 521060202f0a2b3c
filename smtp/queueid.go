package smtp

import "strings"

// maxQueueID is the length of the longest queue id that is believed.
const maxQueueID = 128

// QueueID returns what a server calls a message, read from its 2yz reply to the
// end of the content, or "". There is no standard for it; known are the ways of
// Postfix and its kin ("queued as ID"), Exim ("id=ID"), Exchange
// ("[InternalId=ID, …]"), sendmail and OpenSMTPD ("ID Message accepted for
// delivery"), Dovecot ("<…> ID Saved"), Gmail ("OK 1700000000 ID - gsmtp") and
// Amazon ("Ok ID"). The id is 1 to 128 octets of printable ASCII.
func QueueID(r Reply) string {
	if !r.Positive() {
		return ""
	}
	for line := range strings.SplitSeq(r.Text, "\n") {
		if !parseEnhanced(r.Code, line).IsZero() {
			_, line, _ = strings.Cut(line, " ")
		}
		if id := queueID(line); id != "" {
			return id
		}
	}
	return ""
}

func queueID(line string) string {
	var first [5]string
	var last, previous string
	n := 0
	for w := range strings.FieldsSeq(line) {
		bare := strings.TrimLeft(w, "[(<")
		switch {
		case strings.EqualFold(previous, "queued") && strings.EqualFold(last, "as"):
			return cleanID(w)
		case hasPrefixFold(bare, "id="):
			return cleanID(bare[len("id="):])
		case hasPrefixFold(bare, "InternalId="):
			return cleanID(bare[len("InternalId="):])
		}
		if n < len(first) {
			first[n] = w
		}
		n++
		previous, last = last, w
	}
	ok := strings.EqualFold(first[0], "OK")
	switch {
	case first == [...]string{first[0], "Message", "accepted", "for", "delivery"}:
		return cleanID(first[0])
	case n >= 3 && strings.EqualFold(last, "Saved"):
		return cleanID(previous)
	case ok && n >= 3 && strings.EqualFold(last, "gsmtp") && isNumber(first[1]):
		return cleanID(first[2])
	case ok && n == 2 && len(last) >= 32 && strings.Contains(last, "-"):
		return cleanID(last)
	}
	return ""
}

// cleanID takes off what stands around an id, and takes no id that is not plain.
func cleanID(s string) string {
	s = strings.Trim(s, "<>()[],;.\"'")
	if len(s) > maxQueueID {
		return ""
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return ""
		}
	}
	return s
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
