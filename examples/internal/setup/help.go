package setup

// The parts of -h that the examples share. HelpOptions is followed by what holds
// where -options is not given.
const (
	HelpWhere = `where
  -host NAME          the server: a name, an address, or a literal ("[::1]")
  -port N             0 is 465 with SecureImplicit, else 25; the embedded server
                      takes this port instead of a free one
  -host-address IP    dial this address; HostAddress of the configuration
  -host-name NAME     the name to dial; with -host-address, the name that the
                      certificate is checked against
  -proxy URL          socks5://[user:password@]host[:port], or http://...
`
	HelpOptions = `how
  -options LIST       names joined by |, or a number such as 0x1001:
                        Extended        0x1      EHLO instead of HELO
                        Tunnel          0x400    the port is forwarded
                        TrustedSite     0x800    any certificate will do
                        SecureExplicit  0x1000   STARTTLS, or nothing
                        SecureImplicit  0x2000   TLS before the greeting
                        SecureFallback  0x8000   TLS 1.0, RC4 and 3DES too
                        PreferIPv6      0x40000  IPv6 before IPv4
`
	HelpHow = `  -local-name NAME    what to say after EHLO
  -ca FILE            PEM of the roots to trust, instead of the system's (and of
                      the embedded server's)
  -attempts N         1: no retry; not given: 4
  -retry-replies      4yz replies and silence are tried again too
  -timeout D          for the dial and for each reply: 500ms, 30s, 5m; 0: none
`
	HelpLogin = `log in
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
`
	HelpEnvironment = `environment
  EHLO_PASSWORD       for -auth, which asks on a terminal without it; written to
                      the session, never sent by Connect
  EHLO_TOKEN          for -auth: an OAuth 2.0 access token; with a password too,
                      the stronger mechanism decides
  NO_COLOR            not empty: no colours; nor with TERM=dumb, or when the
                      output is no terminal
`
	// HelpGoRun stands below the exit statuses.
	HelpGoRun = `go run ends with 1 in place of all others but 0, and prints "exit status N";
a script wants the program: go build -o . ./examples/...
`
)
