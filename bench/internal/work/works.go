package work

import "github.com/ehlo-go/ehlo/bench/internal/peer"

// The names of the works.
const (
	SessionPlain    = "session/plain"
	SessionSTARTTLS = "session/starttls"
	SmallFullPlain  = "10kB/full/plain"
	SmallFullTLS    = "10kB/full/tls"
	SmallPlain      = "10kB/envelope/plain"
	SmallTLS        = "10kB/envelope/tls"
	DataKnown       = "20MB/data/known"
	DataReader      = "20MB/data/reader"
	BdatCanonical   = "20MB/bdat/canonical"
	BdatKnown       = "20MB/bdat/known"
	BdatReader      = "20MB/bdat/reader"
	DistantMessage  = "distant/message"
	DistantSession  = "distant/starttls"
	IdlePlain       = "idle/plain"
	IdleTLS         = "idle/tls"
	EventAlone      = "event/alone"
	EventMessage    = "event/message"
	Telemetry       = "telemetry/session"
)

// Works returns all works. A batch takes about a second at most, so that those which
// are compared meet the same machine, and the rounds make up for it.
//
// Sessions that rest come first, plain before TLS: Go gives new goroutines a stack
// of the size that those before have needed, so later they would hold more.
func Works() []Work {
	raw, guarded, wire, netSMTP, goSMTP, goMail, ehlo := peer.Raw{}, peer.Raw{Guarded: true}, peer.Wire{}, peer.NetSMTP{}, peer.GoSMTP{}, peer.GoMail{}, peer.Ehlo{}
	chunks, lent := peer.Raw{Chunk: 256 << 10}, peer.Raw{Chunk: 256 << 10, Guarded: true}
	return []Work{
		idle(IdlePlain, peer.Clear),
		idle(IdleTLS, peer.StartTLS),
		sessions(SessionPlain, peer.Clear, 3_000),
		sessions(SessionSTARTTLS, peer.StartTLS, 1_000),
		smallMessages(SmallFullPlain, small(true, peer.Clear), raw, guarded, wire, netSMTP, goSMTP, goMail, ehlo),
		smallMessages(SmallFullTLS, small(true, peer.Implicit), raw, guarded, wire, netSMTP, goSMTP, goMail, ehlo),
		smallMessages(SmallPlain, small(false, peer.Clear), raw, guarded, wire, ehlo),
		smallMessages(SmallTLS, small(false, peer.Implicit), raw, guarded, wire, ehlo),
		largeMessages(DataKnown, large(false, peer.Known), raw, netSMTP, goSMTP, goMail, ehlo),
		largeMessages(DataReader, large(false, peer.Unknown), raw, lent, netSMTP, goSMTP, goMail, ehlo),
		largeMessages(BdatCanonical, large(true, peer.Canonical), raw, ehlo),
		largeMessages(BdatKnown, large(true, peer.Known), raw, ehlo),
		largeMessages(BdatReader, large(true, peer.Unknown), raw, chunks, lent, ehlo),
		distantMessages(DistantMessage),
		distantSessions(DistantSession),
		happenings(EventAlone),
		heardMessages(EventMessage),
		telemetry(Telemetry, 3_000),
	}
}
