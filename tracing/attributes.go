package tracing

import (
	"net/netip"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"github.com/ehlo-go/ehlo/smtp"
)

// maxAttributes is more than most spans have.
const maxAttributes = 12

// sheet is attributes on their way to a span or a metric, which copy them.
type sheet struct{ attrs []attribute.KeyValue }

// sheets lend them: they are large.
var sheets = sync.Pool{New: func() any { return &sheet{make([]attribute.KeyValue, 0, maxAttributes)} }}

func blank() *sheet { return sheets.Get().(*sheet) }

// giveBack lets another have it. What it points to is not kept.
func (s *sheet) giveBack() {
	clear(s.attrs)
	s.attrs = s.attrs[:0]
	sheets.Put(s)
}

// server names the host that was asked for. It is empty or zero where the
// arguments were no good.
func server(attrs []attribute.KeyValue, host string, port int) []attribute.KeyValue {
	if host != "" {
		attrs = append(attrs, KeyServerAddress.String(smtp.Escape(host)))
	}
	if port != 0 {
		attrs = append(attrs, KeyServerPort.Int(port))
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
		KeyPeerAddress.String(smtp.Escape(addr.String())), // a zone is free text
		KeyPeerPort.Int(int(p.Port())),
		KeyTransport.String("tcp"),
		KeyNetworkType.String(family))
}

// reply gives the numbers of a reply. Its text is the server's and stays out.
func reply(attrs []attribute.KeyValue, r smtp.Reply) []attribute.KeyValue {
	if r.IsZero() {
		return attrs
	}
	attrs = append(attrs, KeyReplyCode.Int(r.Code))
	if !r.Enhanced.IsZero() {
		attrs = append(attrs, KeyEnhancedCode.String(r.Enhanced.String()))
	}
	return attrs
}
