package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// columns is the width of everything that people read.
const columns = 80

// say returns an error as one printable line. Errors of ehlo are escaped by
// themselves; others, such as a verdict on a certificate, quote what a server
// wrote.
func say(err error) string {
	if err == nil {
		return ""
	}
	return (&smtp.Error{Err: err}).Error()
}

// wide returns how many columns s takes. What may take two counts as two.
func wide(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1100 && (r < 0x2000 || r > 0x25ff) { // but for dashes, arrows and blocks
			n++
		}
	}
	return n
}

// wrap cuts s into lines of at most width columns, between words where it can.
// There is always one line.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && wide(line)+1+wide(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for wide(word) > width {
			head := headOf(word, width)
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

// headOf returns as much of s as fits into width.
func headOf(s string, width int) string {
	n := 0
	for i, r := range s {
		if n += wide(string(r)); n > width && i > 0 {
			return s[:i]
		}
	}
	return s
}

// pad fills s up with blanks.
func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-wide(s))) }

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
