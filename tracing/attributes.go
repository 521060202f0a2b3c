package tracing

import (
	"net/netip"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/ehlo-go/ehlo/smtp"
)

// The attributes that the semantic conventions name.
const (
	keyServerAddress = semconv.ServerAddressKey
	keyServerPort    = semconv.ServerPortKey
	keyProtocolName  = semconv.NetworkProtocolNameKey
	keyPeerAddress   = semconv.NetworkPeerAddressKey
	keyPeerPort      = semconv.NetworkPeerPortKey
	keyTransport     = semconv.NetworkTransportKey
	keyNetworkType   = semconv.NetworkTypeKey
	keyDNSQuestion   = semconv.DNSQuestionNameKey
	keyDNSAnswers    = semconv.DNSAnswersKey
	keyTLSVersion    = semconv.TLSProtocolVersionKey
	keyTLSCipher     = semconv.TLSCipherKey
	keyTLSResumed    = semconv.TLSResumedKey
	keyErrorType     = semconv.ErrorTypeKey
)

// Ours: there are no conventions for SMTP.
const (
	keySessionID    = attribute.Key("smtp.session.id")
	keyAttempts     = attribute.Key("smtp.connect.attempts")
	keyAttempt      = attribute.Key("smtp.connect.attempt")
	keyBackoffDelay = attribute.Key("smtp.backoff.delay")
	keyReplyCode    = attribute.Key("smtp.reply.code")
	keyEnhancedCode = attribute.Key("smtp.reply.enhanced_code")
	keyMessageSize  = attribute.Key("smtp.message.size")
	keyOutcome      = attribute.Key("smtp.message.outcome")
	keyAccepted     = attribute.Key("smtp.recipients.accepted")
	keyRejected     = attribute.Key("smtp.recipients.rejected")
	keyMechanism    = attribute.Key("smtp.auth.mechanism")
	keyTLSVerified  = attribute.Key("smtp.tls.verified")
	keyTLSVerdict   = attribute.Key("smtp.tls.verdict")
)

// maxAttributes is more than any span has, so that one slice is enough.
const maxAttributes = 8

// server names the host that was asked for. It is empty or zero where the
// arguments were no good.
func server(attrs []attribute.KeyValue, host string, port int) []attribute.KeyValue {
	if host != "" {
		attrs = append(attrs, keyServerAddress.String(smtp.Escape(host)))
	}
	if port != 0 {
		attrs = append(attrs, keyServerPort.Int(port))
	}
	return attrs
}

// peer describes a TCP connection; other kinds, such as the pipe of a custom
// dialer, have no valid address and get nothing.
func peer(attrs []attribute.KeyValue, p netip.AddrPort) []attribute.KeyValue {
	if !p.IsValid() {
		return attrs
	}
	addr := p.Addr().Unmap()
	family := "ipv6"
	if addr.Is4() {
		family = "ipv4"
	}
	return append(attrs,
		keyPeerAddress.String(smtp.Escape(addr.String())), // a zone is free text
		keyPeerPort.Int(int(p.Port())),
		keyTransport.String("tcp"),
		keyNetworkType.String(family))
}

// reply gives the numbers of a reply. Its text is the server's and stays out.
func reply(attrs []attribute.KeyValue, r smtp.Reply) []attribute.KeyValue {
	if r.IsZero() {
		return attrs
	}
	attrs = append(attrs, keyReplyCode.Int(r.Code))
	if !r.Enhanced.IsZero() {
		attrs = append(attrs, keyEnhancedCode.String(r.Enhanced.String()))
	}
	return attrs
}
