package events

import (
	"context"
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// Hook is a value that implements at least one of [LifeHook], [ConnectHook],
// [AttemptHook], [PhaseHook], [CommandHook], [EndHook], [EventHook] and [MissHook],
// which hear, and of [DialVeto], [PeerVeto] and [SendVeto], which decide. One hook
// serves all sessions of its configuration and must be safe for that. One that has
// nothing to do for now may be a [Sleeper] too.
//
// Hooks run on the session's goroutine, which until it is ready or has failed is the
// one that called Connect, and must not block. The scopes nest: Connect > Attempt > Phase > Command.
// Every Start has its End, in reverse order, on panic, cancel and Close too, but for a
// Sleeper; Start returns the context for what is inside, the next hook's Start too, and
// every End gets the one that the last Start returned. The context a hook is given is
// marked: a blocking method of a session that is called with it returns smtp.ErrInHook
// instead of waiting for itself. A hook that panics ends its session with an error that
// says so, unless the session is at its end already.
type Hook any

// ConnectHook encloses one life's way to ready, back-off included.
type ConnectHook interface {
	ConnectStart(ctx context.Context, s ConnectStart) context.Context
	ConnectEnd(ctx context.Context, e ConnectEnd)
}

// AttemptHook encloses one attempt of a Connect.
type AttemptHook interface {
	AttemptStart(ctx context.Context, s AttemptStart) context.Context
	AttemptEnd(ctx context.Context, e AttemptEnd)
}

// PhaseHook encloses one phase: of an attempt (resolve, dial, tls, greeting,
// ehlo, starttls), or of what a caller asked for (auth, mail), then under that
// caller's context. The waits of ready and back-off are no phases.
type PhaseHook interface {
	PhaseStart(ctx context.Context, s PhaseStart) context.Context
	PhaseEnd(ctx context.Context, e PhaseEnd)
}

// CommandHook encloses one command and its reply: inside a phase, or, for a
// command that the caller asked for, under the caller's context. Each response
// of a SASL mechanism is another AUTH. Commands that travel together begin
// together and end in the order of their replies.
type CommandHook interface {
	CommandStart(ctx context.Context, s CommandStart) context.Context
	CommandEnd(ctx context.Context, e CommandEnd)
}

// EndHook is told the end of every life that a ConnectStart has begun: once, as
// the last of all scopes, when the connection is closed and before the last
// event. The context is the one that ConnectStart returned, with its values; its
// end means nothing.
type EndHook interface {
	LifeOver(ctx context.Context, e LifeOver)
}

// Sleeper is a hook that has nothing to do for now, or with some calls. Each time,
// before anything is made for it, it is asked whether it sleeps: to an event, by its
// kind, to [Commands], or to [Scopes], which are all the other calls; if so it is left
// out. A veto is asked in any case. Asleep must be cheap, and is called on the
// session's goroutine; if it panics the hook counts as awake.
//
// A hook may wake between a Start and its End, and then gets an End whose Start it
// has not heard. One that falls asleep there misses the End: a hook that has to end
// what it began must stay awake while it has anything open.
type Sleeper interface {
	Asleep(to Kind) bool
}

// EventHook gets the events of the kinds it names, in order, on the session's
// goroutine. Kinds is asked once, when the session is made; 0 means all. [Lagged] is
// of a channel, and never given to a hook.
type EventHook interface {
	Kinds() Mask
	Event(ctx context.Context, e Event)
}

// MissHook is told that events found no room in channels of subscribers, as their
// [Lagged] will tell them: how many, counted once for each channel. ctx is the one
// that ConnectStart returned, if a hook made one there, else that of the scope that
// is open; its end means nothing.
type MissHook interface {
	EventsMissed(ctx context.Context, n uint64)
}

// ConnectStart begins a life.
type ConnectStart struct {
	Session, Life uint64
	Host          string // as it will be resolved; "" if the arguments were invalid
	Port          int
	Time          time.Time
}

// ConnectEnd tells how the Connect ended.
type ConnectEnd struct {
	Attempts int
	Err      error // nil: ready
}

// AttemptStart begins an attempt.
type AttemptStart struct {
	Attempt int           // 1, 2, …
	Delay   time.Duration // waited before it
	Host    string
	Port    int
}

// AttemptEnd tells how an attempt ended.
type AttemptEnd struct {
	Attempt int
	Peer    netip.AddrPort // invalid if no connection stood or it has no IP address
	Err     error          // nil: ready
	Retry   bool           // another attempt follows
}

// PhaseStart begins a phase.
type PhaseStart struct {
	Phase fsm.State
	Host  string // resolve: the name that DNS is to be asked for; "" if none is
	// Request is set where a caller asked for the phase: auth, mail.
	Request *Request
}

// Request tells, to the hooks of what a caller asked of a session that is
// ready, which session it is. It must not be changed.
type Request struct {
	Session uint64
	Host    string
	Port    int
	Peer    netip.AddrPort // invalid if the connection has no IP address
	// Connect is the context that ConnectStart returned, for links; nil where no
	// hook made one. Its end means nothing.
	Connect context.Context
}

// PhaseEnd tells how a phase ended and what it found out.
type PhaseEnd struct {
	Phase fsm.State
	Err   error
	Host  string               // resolve: as in PhaseStart
	Addrs []netip.Addr         // resolve: what it answered
	Peer  netip.AddrPort       // dial
	Reply smtp.Reply           // greeting, ehlo, starttls, auth: the last reply
	TLS   *tls.ConnectionState // tls, starttls: nil if the handshake was not finished
	// Verdict is why the certificate would have been refused, under TrustedSite.
	Verdict error
	// Mechanism is the SASL mechanism that was tried last, in auth; "" if none was.
	Mechanism string
	// Receipt is what became of the message, in mail.
	Receipt *smtp.Receipt
}

// CommandStart begins a command.
type CommandStart struct {
	Session uint64
	Verb    string
	// Request is set where a caller asked for just this command.
	Request *Request
}

// CommandEnd tells its reply.
type CommandEnd struct {
	Verb  string
	Reply smtp.Reply // zero if none came; a 334 comes without its text
	Err   error      // 4yz and 5yz included
}

// LifeOver ends a life.
type LifeOver struct {
	Session, Life uint64
	Err           error // what ended it; nil after Disconnect and Close
}
