package tracing

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// The names of the spans. They never vary. TABLES.md lists them with their
// attributes.
const (
	SpanConnect  = "smtp.connect"         // one Connect or Start, back-off included
	SpanAttempt  = "smtp.connect.attempt" // one attempt of it
	SpanResolve  = "smtp.resolve"         // the look-up of the host's addresses, where DNS is to be asked
	SpanDial     = "smtp.dial"            // from the first dial to the connection that won
	SpanTLS      = "smtp.tls"             // the handshake of implicit TLS
	SpanGreeting = "smtp.greeting"        // the wait for the greeting
	SpanEHLO     = "smtp.ehlo"            // EHLO, LHLO or HELO and the reply
	SpanStartTLS = "smtp.starttls"        // STARTTLS and the handshake
	SpanAuth     = "smtp.auth"            // one Authenticate, with a link to smtp.connect
	SpanSend     = "smtp.send"            // one Send or Transaction, with a link to smtp.connect
)

// The names of the metrics. TABLES.md lists them with their units and attributes.
const (
	MetricSessions        = "smtp.client.session.count"
	MetricSessionDuration = "smtp.client.session.duration"
	MetricConnectDuration = "smtp.client.connect.duration"
	MetricConnectRetries  = "smtp.client.connect.retries"
	MetricPhaseDuration   = "smtp.client.phase.duration"
	MetricCommandDuration = "smtp.client.command.duration"
	MetricMessages        = "smtp.client.messages"
	MetricEventsMissed    = "smtp.client.events.missed"
)

// The attributes that OpenTelemetry's semantic conventions name. A fact that is
// not known has no attribute.
const (
	KeyServerAddress = semconv.ServerAddressKey       // the host that was asked for; on metrics only with Config.ServerAddress
	KeyServerPort    = semconv.ServerPortKey          // its port
	KeyProtocolName  = semconv.NetworkProtocolNameKey // smtp
	KeyPeerAddress   = semconv.NetworkPeerAddressKey  // the address of the connection, a proxy's if there is one
	KeyPeerPort      = semconv.NetworkPeerPortKey     // its port
	KeyTransport     = semconv.NetworkTransportKey    // tcp
	KeyNetworkType   = semconv.NetworkTypeKey         // ipv4 or ipv6
	KeyDNSQuestion   = semconv.DNSQuestionNameKey     // the name that was resolved
	KeyDNSAnswers    = semconv.DNSAnswersKey          // its addresses, the first 32
	KeyTLSVersion    = semconv.TLSProtocolVersionKey  // 1.3; of the connection, absent where it has no TLS
	KeyTLSCipher     = semconv.TLSCipherKey           // the suite's name in the IANA registry
	KeyTLSResumed    = semconv.TLSResumedKey          // whether the handshake resumed another
	KeyErrorType     = semconv.ErrorTypeKey           // where something failed: a kind of smtp.Error, the digits of a 4yz or 5yz reply, or _OTHER
)

// Our own attributes: there are no conventions for SMTP.
const (
	KeySessionID    = attribute.Key("smtp.session.id")          // the session's ID, unique in the process
	KeySessionState = attribute.Key("smtp.session.state")       // connecting, idle, used (does what a caller asked for) or backoff
	KeyPhase        = attribute.Key("smtp.phase")               // resolve, dial, tls, greeting, ehlo, starttls, auth or mail
	KeyCommand      = attribute.Key("smtp.command")             // a verb of SMTP, "." for the end of DATA's content, or _OTHER
	KeyAttempts     = attribute.Key("smtp.connect.attempts")    // how many there were
	KeyAttempt      = attribute.Key("smtp.connect.attempt")     // 1 for the first
	KeyBackoffDelay = attribute.Key("smtp.backoff.delay")       // seconds waited before this attempt
	KeyReplyCode    = attribute.Key("smtp.reply.code")          // of the last reply
	KeyEnhancedCode = attribute.Key("smtp.reply.enhanced_code") // of the last reply: 5.7.1
	KeyMessageSize  = attribute.Key("smtp.message.size")        // octets of the content that travelled, without dot-stuffing
	KeyOutcome      = attribute.Key("smtp.message.outcome")     // accepted, rejected, not_sent or unknown
	KeyAccepted     = attribute.Key("smtp.recipients.accepted") // those who got the message
	KeyRejected     = attribute.Key("smtp.recipients.rejected") // those who did not
	KeyMechanism    = attribute.Key("smtp.auth.mechanism")      // SCRAM-SHA-256
	KeyTLSVerified  = attribute.Key("smtp.tls.verified")        // whether the certificate passed; false and no error under TrustedSite
	KeyTLSVerdict   = attribute.Key("smtp.tls.verdict")         // why it did not: expired, wrong_name, unknown_authority, invalid or _OTHER
)
