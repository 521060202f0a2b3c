package letter

// Help explains the flags of a message.
const Help = `the message
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
