package main

import (
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ehlo-go/ehlo/examples/internal/letter"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/ehlo-go/ehlo/transport"
)

// The people of the story. The server does not know the last one.
const (
	ann    = "ann@example.org"
	bob    = "bob@example.net"
	carol  = "carol@example.net"
	nobody = "nobody@example.net"
)

// How long the parts of the story take.
const (
	pause    = 400 * time.Millisecond // before the second attempt
	patience = 600 * time.Millisecond // of the server with an idle client
	staying  = 2 * time.Second        // of the client
	octets   = 2_600_000
)

// sample is a message that takes a moment to send.
func sample() letter.Sample {
	return letter.Sample{From: ann, To: []string{bob, nobody, carol}, Content: func() string {
		const head = "From: Ann <" + ann + ">\r\nSubject: The pictures\r\n\r\n"
		const row = "This line stands for a part of a picture, which would look much like it.\r\n"
		return head + strings.Repeat(row, (octets-len(head))/len(row))
	}}
}

// story makes the embedded server play its part: too busy at first, a recipient
// it does not know, and no patience afterwards.
func story(cfg *smtptest.Config) {
	cfg.On = map[string]smtptest.Step{
		"GREETING": smtptest.Sequence(smtptest.SayAndClose("421 4.3.2 too busy, come back soon"), smtptest.Usual()),
		"RCPT": func(c *smtptest.Conn) {
			if strings.Contains(c.Line(), nobody) {
				_ = c.Reply(550, "5.1.1 nobody lives here under that name")
				return
			}
			c.Usual()
		},
		"CONTENT": smtptest.Then(smtptest.Usual(), setup.Wait(patience), smtptest.SayAndClose("421 4.4.2 idle for too long, good bye")),
	}
}

// comeBack is this side's part: to come back, over a slow link, and to stay until the server has lost its patience.
func comeBack(set *setup.Settings, stay *time.Duration) {
	set.Config.Retry.Replies = true
	set.Config.Retry.Policy = func() backoff.BackOff { return backoff.NewConstantBackOff(pause) }
	if set.Config.Dialer == nil {
		set.Config.Dialer = transport.DefaultDialer()
	}
	set.Config.Dialer = slow{set.Config.Dialer}
	if *stay == 0 {
		*stay = staying
	}
}
