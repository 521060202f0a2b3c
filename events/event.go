package events

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"time"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// Event is one thing that happened in a session. The types of this package
// implement it and no others; new ones come in minor versions, so keep a
// default in a switch over them. Events are values and may be kept. None holds
// a connection, a password or the content of a message.
//
//sumtype:decl
type Event interface {
	Head() Header // what all events have
	Kind() Kind
	sealed()
}

// Header is what all events have.
type Header struct {
	Session uint64    // the session's ID, unique in the process
	Life    uint64    // 1 for the first Connect or Start of the session, then 2, …
	Seq     uint64    // counts every event of the session, heard or not, over all lives
	Time    time.Time // when it happened
	Attempt int       // 1 for the first attempt of a life; 0 before it
	State   fsm.State // the state the session is in
}

// Head returns the header.
func (h Header) Head() Header { return h }

func (Header) sealed() {}

// OnStateChange tells a transition. The first event of a subscription is one
// too, with From = To: the state at that moment and the Seq of the last event.
type OnStateChange struct {
	Header
	From, To fsm.State
}

// OnResolve tells the addresses that will be dialled.
type OnResolve struct {
	Header
	Host string
	// Addrs is in the order of dialling; empty where a proxy resolves the name.
	// A DialVeto may still leave some out.
	// Answers of the slower family may still join while dialling.
	Addrs []netip.Addr
	// Queried says whether DNS was asked in this attempt.
	Queried bool
}

// OnDial tells the connection that won the race.
type OnDial struct {
	Header
	Local, Remote string // addresses with ports; Remote is the proxy's if there is one
	Proxy         string // its scheme and address, without credentials
	Dials         int    // how many were begun until one won
}

// OnGreeting tells the server's 2yz greeting.
type OnGreeting struct {
	Header
	Reply smtp.Reply
}

// OnHello tells an answered EHLO or HELO.
type OnHello struct {
	Header
	Name string // what the client called itself
	// Extended is what Session.Extended will read: EHLO was asked for, by the
	// Extended option or port 587, and the server knows it.
	Extended     bool
	Reply        smtp.Reply
	Capabilities smtp.Capabilities
}

// OnSecure tells a finished TLS handshake.
type OnSecure struct {
	Header
	Version     uint16 // tls.VersionTLS13, …
	CipherSuite uint16
	ServerName  string // the name or address the certificate was checked against
	Resumed     bool
	// Verdict is nil if the certificate is verified; under TrustedSite it is why
	// verification would have refused it.
	Verdict error
	// Certificate is the server's own; it must not be changed.
	Certificate *x509.Certificate
}

// VersionName returns "TLS 1.3".
func (e OnSecure) VersionName() string { return tls.VersionName(e.Version) }

// CipherSuiteName returns the suite's name in the IANA registry.
func (e OnSecure) CipherSuiteName() string { return tls.CipherSuiteName(e.CipherSuite) }

// OnConnect tells that the session is ready. It comes once in a life, before
// Connect returns.
type OnConnect struct {
	Header
	Host     string
	Port     int
	Remote   string
	Extended bool
	Secure   bool
	Elapsed  time.Duration // since Connect or Start, back-off included
}

// OnCommand tells a command that the caller asked for and its answer.
type OnCommand struct {
	Header
	Verb    string
	Reply   smtp.Reply
	Err     error // nil for 2yz
	Elapsed time.Duration
}

// OnAuthenticate tells how an Authenticate ended. It holds no secret. The
// server's words may name the user, and Err may say why in the words of its last
// challenge. Arguments that are refused before the session is asked make no
// event.
type OnAuthenticate struct {
	Header
	Mechanism string        // the one tried last; "" if nothing was sent
	Reply     smtp.Reply    // the final one; zero if none came
	Err       error         // nil: authenticated
	Elapsed   time.Duration // with the choice of the mechanism, and what its secret had to be asked from
}

// OnRecipient tells the answer to one recipient: to its RCPT, or, with LMTP, also
// to the content.
type OnRecipient struct {
	Header
	Address string
	Reply   smtp.Reply // zero if the recipient was refused here, before anything was sent
	Err     error      // nil: accepted
}

// OnProgress tells how much of a message's content has been written: at most ten
// times a second, and once at its end.
type OnProgress struct {
	Header
	Octets int64 // without dot-stuffing
	Size   int64 // of the whole content, -1 if it is not known
}

// OnMessage tells what became of a message. It comes once for each Send and for
// each Transaction.
type OnMessage struct {
	Header
	Receipt *smtp.Receipt // must not be changed
	Err     error         // as Send and Commit return it; of an aborted Transaction why
	Elapsed time.Duration
}

// OnRetry tells that an attempt failed and another will follow.
type OnRetry struct {
	Header
	Host  string // as that of OnConnect
	Port  int
	Err   error
	Delay time.Duration // 0: the next address is tried at once
}

// OnTimeout tells that one of Timeouts ran out.
type OnTimeout struct {
	Header
	Err error
}

// OnCancel tells that the caller's context ended, or that Close or Disconnect
// ended a connect.
type OnCancel struct {
	Header
	Err error
}

// OnError tells an error. The final one is the last event of a life that never
// got ready; there is no other yet.
type OnError struct {
	Header
	Host  string // "" if the arguments were invalid
	Port  int
	Err   error
	Final bool
}

// Reason says who ended a connection.
type Reason uint8

// The reasons of an OnDisconnect.
const (
	Local   Reason = iota // Disconnect, Close, or an attempt that gave up
	Remote                // the server closed it or said goodbye
	Failure               // a fault on the way: timeout, reset, broken protocol
)

// String returns "local", "remote" or "error".
func (r Reason) String() string {
	switch r {
	case Local:
		return "local"
	case Remote:
		return "remote"
	case Failure:
		return "error"
	}
	return "unknown"
}

// OnDisconnect tells the end of the connection that OnDial told. After
// OnConnect it is the last event of the life.
type OnDisconnect struct {
	Header
	Host   string // as that of OnConnect
	Port   int
	Reason Reason
	Reply  smtp.Reply // the server's goodbye, if it said one
	Err    error      // nil after Disconnect and Close
}

// Lagged tells that Missed events did not fit into the channel before this
// place. Its header is that of the newest of them; it has no Seq of its own.
type Lagged struct {
	Header
	Missed uint64
}

// Kind returns KindStateChange.
func (OnStateChange) Kind() Kind { return KindStateChange }

// Kind returns KindResolve.
func (OnResolve) Kind() Kind { return KindResolve }

// Kind returns KindDial.
func (OnDial) Kind() Kind { return KindDial }

// Kind returns KindGreeting.
func (OnGreeting) Kind() Kind { return KindGreeting }

// Kind returns KindHello.
func (OnHello) Kind() Kind { return KindHello }

// Kind returns KindSecure.
func (OnSecure) Kind() Kind { return KindSecure }

// Kind returns KindConnect.
func (OnConnect) Kind() Kind { return KindConnect }

// Kind returns KindCommand.
func (OnCommand) Kind() Kind { return KindCommand }

// Kind returns KindAuthenticate.
func (OnAuthenticate) Kind() Kind { return KindAuthenticate }

// Kind returns KindRecipient.
func (OnRecipient) Kind() Kind { return KindRecipient }

// Kind returns KindProgress.
func (OnProgress) Kind() Kind { return KindProgress }

// Kind returns KindMessage.
func (OnMessage) Kind() Kind { return KindMessage }

// Kind returns KindRetry.
func (OnRetry) Kind() Kind { return KindRetry }

// Kind returns KindTimeout.
func (OnTimeout) Kind() Kind { return KindTimeout }

// Kind returns KindCancel.
func (OnCancel) Kind() Kind { return KindCancel }

// Kind returns KindError.
func (OnError) Kind() Kind { return KindError }

// Kind returns KindDisconnect.
func (OnDisconnect) Kind() Kind { return KindDisconnect }

// Kind returns KindLagged.
func (Lagged) Kind() Kind { return KindLagged }
