package smtp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// AsksUTF8 reports whether the MAIL command will say SMTPUTF8, so that paths
// may hold UTF-8.
func (m *Mail) AsksUTF8(t Terms, c ContentFacts) bool {
	if m.UTF8 || c.UTF8Header || c.UTF8Recipients {
		return t.Offers("SMTPUTF8")
	}
	if isASCII(m.From) {
		return false
	}
	from, err := ParseMailbox(m.From)
	return err == nil && from.NeedsUTF8() && t.Offers("SMTPUTF8")
}

// AppendCommand appends the MAIL command without its line end. An extension is
// used only if it is offered and the message asks for it, or its content does.
// What is needed and not offered is an error of KindNotOffered; a size over that
// of the server is KindTooLarge; what no server could take is KindInvalid. On
// an error dst comes back as it was.
//
// The line is never longer than the 512 octets of RFC 5321 4.5.3.1.4 and what
// each parameter's own RFC adds, because path and parameters keep to their own
// bounds.
func (m *Mail) AppendCommand(dst []byte, t Terms, c ContentFacts) ([]byte, error) {
	line, err := m.appendCommand(dst, &t, &c)
	if err != nil {
		return dst, err
	}
	return line, nil
}

func (m *Mail) appendCommand(dst []byte, t *Terms, c *ContentFacts) ([]byte, error) {
	if err := m.validateParameters(); err != nil {
		return nil, err
	}
	if m.UTF8 || c.UTF8Header {
		if err := t.need("SMTPUTF8", "the message is internationalised, want a server that takes it (RFC 6531)"); err != nil {
			return nil, err
		}
	}
	dst = append(dst, "MAIL FROM:"...)
	if m.nullPath() {
		dst = append(dst, "<>"...)
	} else {
		from, err := ParseMailbox(m.From)
		if err != nil {
			return nil, fail("From", err)
		}
		if dst, err = from.AppendPath(dst, t.Offers("SMTPUTF8")); err != nil {
			return nil, err
		}
	}
	dst, err := c.appendSize(dst, t)
	if err != nil {
		return nil, err
	}
	if dst, err = m.appendBody(dst, t, c); err != nil {
		return nil, err
	}
	if m.AsksUTF8(*t, *c) {
		dst = append(dst, " SMTPUTF8"...)
	}
	if dst, err = m.appendDSN(dst, t); err != nil {
		return nil, err
	}
	if dst, err = m.appendAuth(dst, t); err != nil {
		return nil, err
	}
	if m.RequireTLS {
		if err := t.need("REQUIRETLS", "the message must not travel without it (RFC 8689)"); err != nil {
			return nil, err
		}
		if !t.Verified {
			return nil, notOffered("REQUIRETLS", "the session is not under TLS with a verified certificate, want that first (RFC 8689)")
		}
		dst = append(dst, " REQUIRETLS"...)
	}
	if dst, err = m.appendDeliverBy(dst, t); err != nil {
		return nil, err
	}
	if dst, err = m.appendHold(dst, t); err != nil {
		return nil, err
	}
	if m.Priority != nil {
		if err := t.need("MT-PRIORITY", "want a server that knows priorities, or a message without one (RFC 6710)"); err != nil {
			return nil, err
		}
		dst = strconv.AppendInt(append(dst, " MT-PRIORITY="...), int64(*m.Priority), 10)
	}
	return dst, nil
}

// appendSize appends SIZE= (RFC 1870). A bare SIZE, SIZE 0 and what is no number
// set no limit.
func (c *ContentFacts) appendSize(dst []byte, t *Terms) ([]byte, error) {
	params, ok := t.params("SIZE")
	if !ok || c.Size < 0 {
		return dst, nil
	}
	if most, err := strconv.ParseInt(params, 10, 64); err == nil && most > 0 && c.Size > most {
		return nil, &Error{Kind: KindTooLarge, Permanent: true, Enhanced: EnhancedCode{5, 3, 4}, Err: fmt.Errorf("SIZE: the message has %d octets, the server takes %d", c.Size, most)}
	}
	return strconv.AppendInt(append(dst, " SIZE="...), c.Size, 10), nil
}

// appendBody appends BODY= (RFC 6152, RFC 3030 3).
func (m *Mail) appendBody(dst []byte, t *Terms, c *ContentFacts) ([]byte, error) {
	body := m.Body
	high := c.EightBit || c.UTF8Header
	if high || body == Body8BitMIME {
		if err := m.Refuses8Bit(*t, c.Allow8Bit); err != nil {
			return nil, err
		}
	}
	if body == BodyAuto && (high || c.Unscanned) {
		body = Body8BitMIME
	}
	switch {
	case body == BodyBinaryMIME:
		if err := t.need("BINARYMIME", "the content is binary, want it encoded as base64 (RFC 3030)"); err != nil {
			return nil, err
		}
		if err := t.need("CHUNKING", "BINARYMIME cannot go without it, want the content encoded as base64 (RFC 3030 3)"); err != nil {
			return nil, err
		}
	case body == BodyAuto || !t.Offers("8BITMIME"):
		return dst, nil
	}
	return append(append(dst, " BODY="...), body.String()...), nil
}

// Refuses8Bit returns why the content may hold no octet over 127, nil if it may:
// KindInvalid where Body is 7BIT, KindNotOffered where the server lacks 8BITMIME
// (RFC 6152). allow is [Message.Allow8Bit].
func (m *Mail) Refuses8Bit(t Terms, allow bool) error {
	switch {
	case allow, m.Body == BodyBinaryMIME:
		return nil
	case m.Body == Body7Bit:
		return Invalid("Body is 7BIT and the content holds octets over 127: want BodyAuto or Body8BitMIME")
	}
	return t.need("8BITMIME", "the content holds octets over 127, want it encoded as quoted-printable or base64, or Allow8Bit (RFC 6152)")
}

// appendDSN appends RET= and ENVID= (RFC 3461).
func (m *Mail) appendDSN(dst []byte, t *Terms) ([]byte, error) {
	if m.Return == ReturnUnset && m.EnvelopeID == "" {
		return dst, nil
	}
	if err := t.need("DSN", "Return or EnvelopeID is set, want a server that reports (RFC 3461)"); err != nil {
		return nil, err
	}
	if m.Return != ReturnUnset {
		dst = append(append(dst, " RET="...), m.Return.String()...)
	}
	if m.EnvelopeID != "" {
		dst = appendXtext(append(dst, " ENVID="...), m.EnvelopeID)
	}
	return dst, nil
}

// appendAuth appends AUTH= (RFC 4954 5), which has no angle brackets but those
// of "<>".
func (m *Mail) appendAuth(dst []byte, t *Terms) ([]byte, error) {
	if m.Auth == "" {
		return dst, nil
	}
	if err := t.need("AUTH", "Auth is set, want a server that knows it (RFC 4954 5)"); err != nil {
		return nil, err
	}
	dst = append(dst, " AUTH="...)
	if m.Auth == "<>" {
		return append(dst, "<>"...), nil
	}
	who, err := ParseMailbox(m.Auth)
	if err != nil {
		return nil, fail("Auth", err)
	}
	var scratch [maxPath]byte
	path, err := who.AppendPath(scratch[:0], false)
	if err != nil {
		return nil, fail("Auth", err)
	}
	return appendXtext(dst, path[1:len(path)-1]), nil
}

// appendDeliverBy appends BY= (RFC 2852). The server's minimum is for ByReturn.
func (m *Mail) appendDeliverBy(dst []byte, t *Terms) ([]byte, error) {
	by := m.DeliverBy
	if by.Mode == ByUnset {
		return dst, nil
	}
	params, ok := t.params("DELIVERBY")
	if !ok {
		return nil, notOffered("DELIVERBY", "DeliverBy is set, want a server that keeps to it (RFC 2852)")
	}
	seconds := int64(by.Within / time.Second)
	params, _, _ = strings.Cut(params, ",")
	if least, err := strconv.ParseInt(params, 10, 64); err == nil && by.Mode == ByReturn && seconds < least {
		return nil, notOffered("DELIVERBY", fmt.Sprintf("%d s is too short for the server, want at least %d s (RFC 2852)", seconds, least))
	}
	dst = strconv.AppendInt(append(dst, " BY="...), seconds, 10)
	dst = append(append(dst, ';'), by.Mode.String()...)
	if by.Trace {
		dst = append(dst, 'T')
	}
	return dst, nil
}

// appendHold appends HOLDFOR= or HOLDUNTIL= (RFC 4865), within the server's two
// maxima. What it said and is neither a number nor a time is no maximum.
func (m *Mail) appendHold(dst []byte, t *Terms) ([]byte, error) {
	if m.HoldFor == 0 && m.HoldUntil.IsZero() {
		return dst, nil
	}
	params, ok := t.params("FUTURERELEASE")
	if !ok {
		return nil, notOffered("FUTURERELEASE", "HoldFor or HoldUntil is set, want a server that holds messages (RFC 4865)")
	}
	interval, until, _ := strings.Cut(params, " ")
	if m.HoldFor != 0 {
		seconds := int64(m.HoldFor / time.Second)
		if most, err := strconv.ParseInt(interval, 10, 64); err == nil && seconds > most {
			return nil, notOffered("FUTURERELEASE", fmt.Sprintf("the server holds no message for %d s, want at most %d s (RFC 4865)", seconds, most))
		}
		return strconv.AppendInt(append(dst, " HOLDFOR="...), seconds, 10), nil
	}
	if last, err := time.Parse(time.RFC3339, until); err == nil && m.HoldUntil.After(last) {
		return nil, notOffered("FUTURERELEASE", fmt.Sprintf("the server holds no message until %s, want %s at the latest (RFC 4865)",
			m.HoldUntil.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339)))
	}
	return m.HoldUntil.UTC().AppendFormat(append(dst, " HOLDUNTIL="...), time.RFC3339), nil
}

// AppendCommand appends the RCPT command without its line end, by the rules of
// [Mail.AppendCommand]; utf8 says that MAIL asked for SMTPUTF8
// ([Mail.AsksUTF8]).
func (r *Recipient) AppendCommand(dst []byte, t Terms, utf8 bool) ([]byte, error) {
	line, err := r.appendCommand(dst, &t, utf8)
	if err != nil {
		return dst, err
	}
	return line, nil
}

func (r *Recipient) appendCommand(dst []byte, t *Terms, utf8 bool) ([]byte, error) {
	if err := r.validateParameters(); err != nil {
		return nil, err
	}
	dst = append(dst, "RCPT TO:"...)
	if r.postmaster() {
		dst = append(dst, "<Postmaster>"...)
	} else {
		to, err := ParseMailbox(r.Address)
		if err != nil {
			return nil, fail("Address", err)
		}
		if dst, err = to.AppendPath(dst, utf8); err != nil {
			return nil, err
		}
	}
	if r.Notify != 0 || r.Original != (Original{}) {
		if err := t.need("DSN", "Notify or Original is set, want a server that reports (RFC 3461)"); err != nil {
			return nil, err
		}
	}
	if r.Notify != 0 {
		dst = r.Notify.append(append(dst, " NOTIFY="...))
	}
	if r.Original != (Original{}) {
		dst = r.Original.append(append(dst, " ORCPT="...))
	}
	since := r.ValidSince
	if since.Time.IsZero() || since.Continue && !t.Offers("RRVS") {
		return dst, nil
	}
	if err := t.need("RRVS", "ValidSince is set, want a server that knows whose mailbox it was, or Continue (RFC 7293)"); err != nil {
		return nil, err
	}
	dst = since.Time.UTC().AppendFormat(append(dst, " RRVS="...), time.RFC3339)
	if since.Continue {
		return append(dst, ";C"...), nil
	}
	return append(dst, ";R"...), nil
}
