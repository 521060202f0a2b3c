package main

import (
	"github.com/ehlo-go/ehlo/examples/internal/letter"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

// help is what -h prints.
const help = `send: one message by SMTP, and what became of it

  go run ./examples/send [flags]

It connects as examples/connect does, logs in with -auth, sends the message,
says QUIT, and ends with the receipt: the server's answer for each recipient,
its name for the message, and where the time went. Nothing is sent twice.

Without -host, -host-address and -host-name it serves itself: a test server on
127.0.0.1 with STARTTLS, a certificate of its own, and the user demo, whose
password and token are demo. It then sends a sample unless -file is given, and
shows what arrived.

` + letter.Help + setup.HelpWhere + setup.HelpOptions + `                      not given: none of them, which is EHLO in clear; with
                      the embedded server Extended|SecureExplicit. EHLO is
                      said in any case
` + letter.HelpHow + setup.HelpLogin + `what to show
  -json               one JSON object a line, durations in seconds. The last one
                      is always OnMessage, also where nothing was sent: it waits
                      until OnDisconnect, or OnError, is written; its time and
                      seq tell when it came. seq is 0 if this program made it
                      because the session never had the message
  -trace              the OpenTelemetry spans, to standard error, at the end
  -h                  this

` + setup.HelpEnvironment + `                      (there is then no bar while content is sent)

exit status
  0  accepted for every recipient
` + letter.HelpStatus + `
examples
  go run ./examples/send
  go run ./examples/send -auth -trace -dsn notify=success,failure
  go run ./examples/send -host mx.example.org -options SecureExplicit \
      -from me@example.com -to you@example.org -file message.eml
  go run ./examples/send -host smtp.example.org -port 465 -auth -user me \
      -options SecureImplicit -from me@example.org -to a@example.net \
      -to b@example.net -json <message.eml | tail -n 1 |
      jq '.outcome, .recipients[].outcome'
`
