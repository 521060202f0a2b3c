package main

import (
	"github.com/ehlo-go/ehlo/examples/internal/letter"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

// help is what -h prints.
const help = `callbacks: a message by SMTP, with the status line of a mail program

  go run ./examples/callbacks [flags]

It connects as examples/connect does, logs in with -auth, sends the message and
says QUIT. Each step changes one line, as events tell it to callbacks. On a
terminal the line is written over and over, and cut to its width; elsewhere
there is a plain line for each change.

Without -host, -host-address and -host-name it plays a story of three seconds
with a test server of its own on 127.0.0.1. The server is too busy at first,
makes TLS, lets the user demo log in, does not know one of three recipients,
and hangs up in the end; the link to it is slow.

` + letter.Help + setup.HelpWhere + setup.HelpOptions + `                      not given: none of them, which is EHLO in clear; with
                      the embedded server Extended|SecureExplicit
` + letter.HelpHow + setup.HelpLogin + `what to show
  -stay D             stay after the message, to see whether the server leaves;
                      not given: do not, in the story two seconds
  -trace              the OpenTelemetry spans, to standard error, at the end
  -h                  this

` + setup.HelpEnvironment + `                      (the line is written over all the same, but not with
                      TERM=dumb)

exit status
  0  accepted for every recipient, or the story came to its end
` + letter.HelpStatus + `
examples
  go run ./examples/callbacks
  go run ./examples/callbacks | cat
  go run ./examples/callbacks -host mx.example.org -options SecureExplicit \
      -from me@example.com -to you@example.org -file message.eml
  go run ./examples/callbacks -host smtp.example.org -port 465 -auth -user me \
      -options SecureImplicit -from me@example.org -to a@example.net \
      -file message.eml -stay 10m
`
