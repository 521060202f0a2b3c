package main

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

where
  -host NAME          the server: a name, an address, or a literal ("[::1]")
  -port N             0 is 465 with SecureImplicit, else 25; the embedded server
                      takes this port instead of a free one
  -host-address IP    dial this address; HostAddress of the configuration
  -host-name NAME     the name to dial; with -host-address, the name that the
                      certificate is checked against
  -proxy URL          socks5://[user:password@]host[:port], or http://...
how
  -options LIST       names joined by |, or a number such as 0x1001:
                        Extended        0x1      EHLO instead of HELO
                        Tunnel          0x400    the port is forwarded
                        TrustedSite     0x800    any certificate will do
                        SecureExplicit  0x1000   STARTTLS, or nothing
                        SecureImplicit  0x2000   TLS before the greeting
                        SecureFallback  0x8000   TLS 1.0, RC4 and 3DES too
                        PreferIPv6      0x40000  IPv6 before IPv4
                      not given: none of them, which is HELO in clear (EHLO with
                      -auth, on port 587 too); with the embedded server
                      Extended|SecureExplicit
  -local-name NAME    what to say after EHLO
  -ca FILE            PEM of the roots to trust, instead of the system's (and of
                      the embedded server's)
  -timeout D          for the dial and for each reply: 500ms, 30s, 5m; 0: none
  -attempts N         1: no retry; not given: 4
  -retry-replies      4yz replies and silence are tried again too
log in
  -auth               log in once it is ready, by the strongest mechanism that
                      both sides have, and say EHLO in any case; a login that is
                      refused is not tried again
  -mechanism NAME     -auth by no other: SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS,
                      SCRAM-SHA-256, SCRAM-SHA-1, OAUTHBEARER, XOAUTH2, PLAIN,
                      LOGIN; only by name: CRAM-MD5, EXTERNAL, ANONYMOUS
  -auth-in-clear      -auth without TLS too, by any mechanism: PLAIN, LOGIN,
                      OAUTHBEARER and XOAUTH2 then show the password, or the
                      token, to everyone on the way, who can use it from then
                      on. Not given, they are refused and nothing is sent
  -user NAME          who -auth logs in; written to the session
what to show
  -json               one JSON object a line, durations in seconds; the last is
                      OnDisconnect if it was ready, else OnError
  -trace              the OpenTelemetry spans, to standard error, at the end
  -h                  this

environment
  EHLO_PASSWORD       for -auth, which asks on a terminal without it; written to
                      the session, never sent by Connect
  EHLO_TOKEN          for -auth: an OAuth 2.0 access token; with a password too,
                      the stronger mechanism decides
  NO_COLOR            not empty: no colours; nor with TERM=dumb, or when the
                      output is no terminal

exit status
  0  the session was ready and, with -auth, logged in
  1  it was not ready, or Ctrl-C came first; the last event tells why. An
     argument that Connect refuses counts too: -port 70000, -options 0x2
  2  the command line is no use: an unknown flag or option name, a -ca that
     cannot be read, a -proxy that is no URL, a -port that is taken, -auth
     without a user or a password, an unknown -mechanism
  3  the session was ready and not logged in: the server refused, or there is no
     mechanism that may be used; OnAuthenticate tells why

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
