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
// smtp.resolve is there where DNS is to be asked, and not for a literal. No span
// lives as long as a session: smtp.connect ends when the session is ready,
// or will not be. TABLES.md lists the spans, the metrics and their attributes; the
// constants of this package name them.
//
// # Metrics
//
// smtp.client.session.count is how many sessions there are by what they do. It
// begins with a Connect and comes back to zero with the end of every life, whatever
// ends it. A message counts once, when it is decided: each Send and each
// Transaction that the session has taken; error.type is there where Send returned
// an error, also beside the outcome accepted, if only some recipients got the
// message. Each command is measured, those that the session says by itself too.
//
// Labels are bounded: smtp.command is a verb that we know, error.type one of our
// words or the digits of a refusal, else they are _OTHER. No label is an address,
// but for server.address where [Config].ServerAddress asks for it.
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
// no span inside it costs more than a look into the context. [Config].Compact
// leaves out the spans of the phases, for programs with very many sessions.
//
//go:generate go test . -run TestTables -update
package tracing
