package smtp

import "errors"

// Kind says what went wrong, coarsely. One table gives each Kind its error
// type for telemetry, its stable number and its sentinel error; TABLES.md is
// made from it.
type Kind uint8

// The kinds of error.
const (
	KindOther         Kind = iota // not told apart
	KindInvalid                   // an argument or a property is unusable; nothing was sent
	KindNotConnected              // there is no life to run this in
	KindConnected                 // Connect while connected or connecting
	KindClosed                    // the session was closed
	KindInHook                    // a blocking method was called from a hook
	KindPanic                     // a hook, or the session itself, panicked or broke its own table
	KindCanceled                  // the caller's context ended, or Close or Disconnect was called
	KindTimeout                   // one of Timeouts ran out
	KindHostNotFound              // DNS: no such name
	KindNoAddress                 // DNS: the name has no usable A or AAAA record
	KindTryAgain                  // DNS: a temporary failure
	KindRefused                   // dial: connection refused
	KindUnreachable               // dial: no route to host or network
	KindDial                      // dial: anything else, such as no permission
	KindProxy                     // the proxy refused or failed
	KindLost                      // the connection ended before its time
	KindTLS                       // handshake failed
	KindCertificate               // the server's certificate was not verified
	KindNoTLS                     // STARTTLS was asked for and is not offered
	KindNoAuth                    // AUTH, or the mechanism asked for, is not offered
	KindInClear                   // a mechanism would have shown a secret without TLS; nothing was sent
	KindAuthenticated             // Authenticate on a session that is authenticated
	KindMechanism                 // a SASL mechanism, or where its credentials come from, failed on this side
	KindNotOffered                // the message needs an extension, or more of one, than the server offers; nothing was sent
	KindTooLarge                  // the message is larger than the server's SIZE; nothing was sent
	KindSomeRefused               // not every recipient was accepted: some got the message, or by AllOrNothing nobody
	KindContent                   // the content of a message could not be read
	KindBusy                      // a transaction is open, and only its own steps may come
	KindSessionSpent              // the server takes no more messages on this connection (RFC 9422 MAILMAX)
	KindVetoed                    // a hook of the program's refused an address, a certificate or a message
	KindProtocol                  // the server broke the protocol
	KindReply                     // the server said no: 4yz or 5yz
	kinds                         // how many there are
)

// The sentinels, one a Kind, for errors.Is.
var (
	ErrInvalid       = errors.New("invalid argument")
	ErrNotConnected  = errors.New("not connected")
	ErrConnected     = errors.New("already connected or connecting")
	ErrClosed        = errors.New("session closed")
	ErrInHook        = errors.New("blocking call inside a hook")
	ErrPanic         = errors.New("panic")
	ErrCanceled      = errors.New("canceled")
	ErrTimeout       = errors.New("timed out")
	ErrHostNotFound  = errors.New("host not found")
	ErrNoAddress     = errors.New("host has no address")
	ErrTryAgain      = errors.New("name look-up failed for now")
	ErrRefused       = errors.New("connection refused")
	ErrUnreachable   = errors.New("host unreachable")
	ErrDial          = errors.New("cannot dial")
	ErrProxy         = errors.New("proxy failed")
	ErrLost          = errors.New("connection lost")
	ErrTLS           = errors.New("TLS handshake failed")
	ErrCertificate   = errors.New("certificate not verified")
	ErrNoTLS         = errors.New("STARTTLS not offered")
	ErrNoAuth        = errors.New("authentication not offered")
	ErrInClear       = errors.New("secret not sent in clear")
	ErrAuthenticated = errors.New("already authenticated")
	ErrMechanism     = errors.New("SASL mechanism failed")
	ErrNotOffered    = errors.New("extension not offered")
	ErrTooLarge      = errors.New("message too large for the server")
	ErrSomeRefused   = errors.New("some recipients did not get the message")
	ErrContent       = errors.New("content cannot be read")
	ErrBusy          = errors.New("a transaction is open")
	ErrSessionSpent  = errors.New("the session has sent as many messages as the server takes")
	ErrVetoed        = errors.New("vetoed by a hook")
	ErrProtocol      = errors.New("protocol error")
	ErrReply         = errors.New("refused by the server")
)

// KindRow is a row of the table of kinds.
type KindRow struct {
	Kind Kind
	// Type is the value of error.type on spans and metrics; of KindReply it is
	// the digits of the reply's code instead.
	Type string
	// Code is what [Code] returns when no server has spoken. Below 20000 it is
	// the number of Winsock for the same thing.
	Code int
	// Err is the sentinel; nil for KindOther.
	Err error
}

// Row returns the row of the table for k; for an unknown k that of KindOther.
func (k Kind) Row() KindRow {
	row := KindRow{Kind: k}
	switch k {
	case KindInvalid:
		row.Type, row.Code, row.Err = "invalid_argument", 10022, ErrInvalid
	case KindNotConnected:
		row.Type, row.Code, row.Err = "not_connected", 10057, ErrNotConnected
	case KindConnected:
		row.Type, row.Code, row.Err = "already_connected", 10056, ErrConnected
	case KindClosed:
		row.Type, row.Code, row.Err = "closed", 10058, ErrClosed
	case KindInHook:
		row.Type, row.Code, row.Err = "in_hook", 10036, ErrInHook
	case KindPanic:
		row.Type, row.Code, row.Err = "panic", 20007, ErrPanic
	case KindCanceled:
		row.Type, row.Code, row.Err = "canceled", 10004, ErrCanceled
	case KindTimeout:
		row.Type, row.Code, row.Err = "timeout", 10060, ErrTimeout
	case KindHostNotFound:
		row.Type, row.Code, row.Err = "host_not_found", 11001, ErrHostNotFound
	case KindNoAddress:
		row.Type, row.Code, row.Err = "no_address", 11004, ErrNoAddress
	case KindTryAgain:
		row.Type, row.Code, row.Err = "dns_try_again", 11002, ErrTryAgain
	case KindRefused:
		row.Type, row.Code, row.Err = "connection_refused", 10061, ErrRefused
	case KindUnreachable:
		row.Type, row.Code, row.Err = "unreachable", 10065, ErrUnreachable
	case KindDial:
		row.Type, row.Code, row.Err = "dial_failed", 20001, ErrDial
	case KindProxy:
		row.Type, row.Code, row.Err = "proxy_failed", 20002, ErrProxy
	case KindLost:
		row.Type, row.Code, row.Err = "connection_lost", 10054, ErrLost
	case KindTLS:
		row.Type, row.Code, row.Err = "tls_handshake", 20003, ErrTLS
	case KindCertificate:
		row.Type, row.Code, row.Err = "tls_certificate", 20004, ErrCertificate
	case KindNoTLS:
		row.Type, row.Code, row.Err = "tls_not_offered", 20005, ErrNoTLS
	case KindProtocol:
		row.Type, row.Code, row.Err = "protocol", 20006, ErrProtocol
	case KindReply:
		row.Type, row.Code, row.Err = "reply", 20008, ErrReply
	case KindNoAuth:
		row.Type, row.Code, row.Err = "auth_not_offered", 20009, ErrNoAuth
	case KindInClear:
		row.Type, row.Code, row.Err = "auth_in_clear", 20010, ErrInClear
	case KindAuthenticated:
		row.Type, row.Code, row.Err = "already_authenticated", 20011, ErrAuthenticated
	case KindMechanism:
		row.Type, row.Code, row.Err = "sasl_mechanism", 20012, ErrMechanism
	case KindNotOffered:
		row.Type, row.Code, row.Err = "extension_not_offered", 20013, ErrNotOffered
	case KindTooLarge:
		row.Type, row.Code, row.Err = "message_too_large", 10040, ErrTooLarge
	case KindSomeRefused:
		row.Type, row.Code, row.Err = "recipients_refused", 20014, ErrSomeRefused
	case KindContent:
		row.Type, row.Code, row.Err = "content", 20016, ErrContent
	case KindBusy:
		row.Type, row.Code, row.Err = "busy", 10035, ErrBusy
	case KindSessionSpent:
		row.Type, row.Code, row.Err = "session_spent", 20017, ErrSessionSpent
	case KindVetoed:
		row.Type, row.Code, row.Err = "vetoed", 20018, ErrVetoed
	default:
		row.Kind, row.Type, row.Code = KindOther, "_OTHER", 1
	}
	return row
}

// String returns the kind's error type.
func (k Kind) String() string { return k.Row().Type }
