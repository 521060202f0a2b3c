package show

import (
	"fmt"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// Columns is the width of everything that people read.
const Columns = 80

// Say returns an error as one printable line. Errors of ehlo are escaped by
// themselves; others, such as a verdict on a certificate, quote what a server
// wrote.
func Say(err error) string {
	if err == nil {
		return ""
	}
	return (&smtp.Error{Err: err}).Error()
}

// Wide returns how many columns s takes. What may take two counts as two.
func Wide(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1100 && (r < 0x2000 || r > 0x25ff) { // but for dashes, arrows and blocks
			n++
		}
	}
	return n
}

// Wrap cuts s into lines of at most width columns, between words where it can.
// There is always one line.
func Wrap(s string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && Wide(line)+1+Wide(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for Wide(word) > width {
			head := HeadOf(word, width)
			if len(head) == len(word) {
				break // one character that is wider than that
			}
			lines = append(lines, head)
			word = word[len(head):]
		}
		line = word
	}
	return append(lines, line)
}

// HeadOf returns as much of s as fits into width.
func HeadOf(s string, width int) string {
	n := 0
	for i, r := range s {
		if n += Wide(string(r)); n > width && i > 0 {
			return s[:i]
		}
	}
	return s
}

// pad fills s up with blanks.
func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-Wide(s))) }

// short returns a duration in at most nine columns, three digits or so.
func short(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", max(ms, 0))
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", ms)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
