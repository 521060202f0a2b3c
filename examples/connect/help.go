package main

import "github.com/ehlo-go/ehlo/examples/internal/setup"

// help is what -h prints.
const help = `connect: one SMTP session, from a name to ready, and what happens on the way

  go run ./examples/connect [flags]

It resolves the host, dials, reads the greeting, says EHLO or HELO, makes TLS
where -options asks for it, logs in with -auth, shows each event as it happens,
says QUIT, and ends with the time of every phase, the facts of TLS and what the
server can do. It sends no mail.

Without -host, -host-address and -host-name it serves itself: a test server on
127.0.0.1 with STARTTLS, a certificate of its own, and the user demo, whose
password and token are demo. The other flags then work on that one.

A flag that is not given is an argument that Connect does not get, which is not
the same as 0.

` + setup.HelpWhere + setup.HelpOptions + `                      not given: none of them, which is HELO in clear (EHLO with
                      -auth, on port 587 too); with the embedded server
                      Extended|SecureExplicit
` + setup.HelpHow + setup.HelpLogin + `what to show
  -json               one JSON object a line, durations in seconds; the last is
                      OnDisconnect if it was ready, else OnError
  -trace              the OpenTelemetry spans, to standard error, at the end
  -h                  this

` + setup.HelpEnvironment + `
exit status
  0  the session was ready and, with -auth, logged in
  1  it was not ready, or Ctrl-C came first; the last event tells why
  2  the command line is no use: an unknown flag or a value that cannot be, a
     -ca that cannot be read, a -port that is taken, -auth without a user or a
     password; nothing was dialled
  3  the session was ready and not logged in: the server refused, or there is no
     mechanism that may be used; OnAuthenticate tells why
` + setup.HelpGoRun + `
examples
  go run ./examples/connect
  go run ./examples/connect -auth -trace
  go run ./examples/connect -host mx.example.org \
      -options 'Extended|SecureExplicit'
  go run ./examples/connect -host smtp.example.org -port 587 \
      -options SecureExplicit -auth -user me@example.org
  go run ./examples/connect -host smtp.example.org -port 465 \
      -options 0x2001 -timeout 10s -attempts 1 -json | jq -c '[.event, .time]'
`
