package main

import (
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/examples/internal/letter"
)

// The envelope of the sample.
const (
	sampleFrom = "ann@example.org"
	sampleTo1  = "bob@example.net"
	sampleTo2  = "carol@example.net"
)

// sample is what is sent where nothing else is given.
func sample() letter.Sample {
	return letter.Sample{From: sampleFrom, To: []string{sampleTo1, sampleTo2}, Content: func() string { return sampleAt(time.Now()) }}
}

// sampleAt returns a message with what a transport could spoil: a line that is a
// dot, and octets over 127.
func sampleAt(now time.Time) string {
	return strings.Join([]string{
		"Date: " + now.Format(time.RFC1123Z),
		"From: Ann <" + sampleFrom + ">",
		"To: Bob <" + sampleTo1 + ">, Carol <" + sampleTo2 + ">",
		"Subject: A sample",
		"Message-ID: <" + now.Format("20060102150405.000000") + "@example.org>",
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8",
		"Content-Transfer-Encoding: 8bit",
		"",
		"Grüße! The next line is a dot, and this is not the end:",
		".",
		"This is.",
		"",
	}, "\r\n")
}
