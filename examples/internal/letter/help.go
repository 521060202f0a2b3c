package letter

import "github.com/ehlo-go/ehlo/examples/internal/setup"

// The parts of -h that programs with a message share. HelpStatus follows what 0
// tells.
const (
	Help = `the message
  -from ADDRESS       the reverse-path: where reports go; -from= for none. It is
                      needed with a host, and so is -to
  -to ADDRESS         a recipient, and -to again for each other one. A comma may
                      be part of an address. No recipient is read from a header
  -file FILE          header and body; - is standard input. Not given: standard
                      input if it is no terminal; with the embedded server the
                      sample, and - reads standard input there too. Newlines
                      of any kind will do
  -flight NAME        what travels before its answers are awaited:
                        envelope  MAIL and every RCPT; not given: this
                        full      a small message with them, where the server
                                  offers PIPELINING and CHUNKING; for servers
                                  whose software is known
                        single    one command at a time
  -policy NAME        when some recipients are refused: accepted sends to the
                      others, all to nobody; not given: accepted
  -dsn LIST           reports (RFC 3461), as ret=hdrs,envid=42,notify=delay:
                        ret=full or ret=hdrs: what a report returns
                        envid=ID: the name of the message in reports
                        notify=never, or some of success,failure,delay
`
	// HelpHow is setup's, and what a message adds to it.
	HelpHow = setup.HelpHow + `                      It never shortens the ten minutes for the reply to the
                      content: to give up there leaves the message unknown
`
	HelpStatus = `  1  for none: it was rejected or not sent, also for want of a connection or a
     login, or by Ctrl-C in time; sent again it cannot arrive twice
  2  the command line is no use: an unknown flag, or a value, a mail
     address or a file that cannot be; nothing was dialled
  3  accepted for some recipients and not for others: send it to those alone
  4  unknown: all of it was handed over and no answer came; the server may have
     it, and sent again it may arrive twice
` + setup.HelpGoRun
)
