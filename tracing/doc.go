// Package tracing turns the connects, logins and messages of SMTP sessions into
// OpenTelemetry spans and metrics.
//
// It is a hook of package events and nothing else. A session has it by default,
// so a program that installs an SDK sees its connects, and one that does not
// pays nothing. To choose the provider or fewer spans, make the hook yourself
// with [New].
//
//	caller's span
//	└── smtp.connect              one Connect or Start, back-off included
//	    ├── smtp.connect.attempt  failed, will be retried
//	    │   ├── smtp.resolve
//	    │   └── smtp.dial
//	    └── smtp.connect.attempt
//	        ├── smtp.resolve
//	        ├── smtp.dial
//	        ├── smtp.greeting
//	        ├── smtp.ehlo
//	        ├── smtp.starttls
//	        └── smtp.ehlo
//
//	caller's span
//	├── smtp.auth                 one Authenticate, with a link to smtp.connect
//	└── smtp.send                 one Send or Transaction, with the same link
//
// # Spans
//
// No span lives as long as a session: smtp.connect ends when the session is
// ready, or will not be. Names never vary.
//
//	span                  kind      attributes
//	smtp.connect          internal  server.address, server.port, network.protocol.name, smtp.session.id, smtp.connect.attempts
//	smtp.connect.attempt  client    smtp.connect.attempt, server.address, server.port, smtp.backoff.delay,
//	                                network.peer.address, network.peer.port, network.transport, network.type
//	smtp.resolve          internal  dns.question.name, dns.answers
//	smtp.dial             internal
//	smtp.tls              internal  tls.protocol.version, tls.cipher, tls.resumed, smtp.tls.verified, smtp.tls.verdict
//	smtp.greeting         internal  smtp.reply.code
//	smtp.ehlo             internal  smtp.reply.code
//	smtp.starttls         internal  those of smtp.tls, smtp.reply.code, smtp.reply.enhanced_code
//	smtp.auth             client    server.address, server.port, network.peer.address, network.peer.port, network.transport,
//	                                network.type, network.protocol.name, smtp.session.id, smtp.auth.mechanism,
//	                                smtp.reply.code, smtp.reply.enhanced_code
//	smtp.send             client    server.address, server.port, network.peer.address, network.peer.port, network.transport,
//	                                network.type, network.protocol.name, smtp.session.id, smtp.message.size,
//	                                smtp.message.outcome, smtp.recipients.accepted, smtp.recipients.rejected,
//	                                smtp.reply.code, smtp.reply.enhanced_code
//
// # Attributes
//
// A fact that is not known has no attribute. Those that begin with smtp are
// ours, the others OpenTelemetry's semantic conventions.
//
//	attribute                 type      value
//	server.address            string    the host that was asked for
//	server.port               int
//	network.protocol.name     string    smtp
//	network.peer.address      string    the address of the connection, a proxy's if there is one
//	network.peer.port         int
//	network.transport         string    tcp
//	network.type              string    ipv4 or ipv6
//	smtp.session.id           int       the session's ID, unique in the process
//	smtp.connect.attempts     int       how many there were
//	smtp.connect.attempt      int       1 for the first
//	smtp.backoff.delay        double    seconds waited before this attempt
//	dns.question.name         string    the name that was resolved
//	dns.answers               string[]  its addresses, the first 32
//	tls.protocol.version      string    1.3
//	tls.cipher                string    the suite's name in the IANA registry
//	tls.resumed               boolean
//	smtp.tls.verified         boolean   whether the certificate passed; false and no error under TrustedSite
//	smtp.tls.verdict          string    why it did not: expired, wrong_name, unknown_authority, invalid or _OTHER
//	smtp.auth.mechanism       string    SCRAM-SHA-256
//	smtp.message.size         int       octets of the content that travelled, without dot-stuffing
//	smtp.message.outcome      string    accepted, rejected, not_sent or unknown
//	smtp.recipients.accepted  int       those who got the message
//	smtp.recipients.rejected  int       those who did not
//	smtp.reply.code           int       of the phase's last reply
//	smtp.reply.enhanced_code  string    5.7.1
//	error.type                string    on failed spans and the counter: a kind of smtp.Error, the digits of a 4yz or 5yz reply, or _OTHER
//
// # Metrics
//
//	metric                instrument         attributes
//	smtp.client.messages  counter {message}  smtp.message.outcome, error.type
//
// A message counts once, when it is decided: each Send and each Transaction that
// the session has taken. error.type is there where Send or Commit returned an error,
// also beside the outcome accepted, if only some recipients got the message.
//
// # Failures
//
// A failed span has the status Error and error.type. An attempt that fails and
// is retried marks its own span, not the smtp.connect that succeeds at last.
// There are no span events. Nothing that a server wrote in words and no address
// of a person is in any span: the description of a status is the fixed text of
// the kind of error.
//
// # Cost
//
// Without an SDK the hook allocates nothing. Where smtp.connect is sampled out,
// nothing inside it costs more than a look into the context. [Config].Compact
// leaves out the spans of the phases, for programs with very many sessions.
package tracing
