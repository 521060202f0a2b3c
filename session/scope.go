package session

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// The scopes nest: connect > attempt > phase; the phase of a request stands in
// its caller's. Each open one is closed exactly
// once, by the loop or, after a panic, by the finisher.

// handle is the life as its hooks get it.
func (s *Session) handle() events.Handle {
	return events.Handle{ID: s.id, Snapshot: s.Snapshot, Close: s.Close}
}

func (a *actor) beginLife() error {
	if !a.s.hooks.WantLives() {
		return nil
	}
	return a.s.hooks.LifeStart(a.ctx, a.s.handle())
}

// endLife comes after the last event: what a hook does wrong there has nobody
// left to hear of it.
func (a *actor) endLife() {
	if a.s.hooks.WantLives() {
		_ = a.s.hooks.LifeEnd(a.hearing(), a.s.handle())
	}
}

func (a *actor) openConnect() error {
	a.began = time.Now()
	ctx, err := a.s.hooks.ConnectStart(a.ctx, events.ConnectStart{
		Session: a.s.id, Life: a.l.number, Host: a.plan.name, Port: a.plan.port, Time: a.began,
	})
	a.connectScope = ctx
	if ctx != a.ctx {
		a.origin = ctx
	}
	return err
}

func (a *actor) closeConnect(err error) error {
	ctx := a.connectScope
	if ctx == nil {
		return nil
	}
	a.connectScope = nil
	return a.s.hooks.ConnectEnd(ctx, events.ConnectEnd{Attempts: a.attempt, Err: err})
}

func (a *actor) openAttempt() error {
	a.peer = netip.AddrPort{} // of the attempt before
	ctx, err := a.s.hooks.AttemptStart(a.connectScope, events.AttemptStart{
		Attempt: a.attempt, Delay: a.retry.delay, Host: a.plan.name, Port: a.plan.port,
	})
	a.attemptScope = ctx
	return err
}

func (a *actor) closeAttempt(err error) error {
	ctx := a.attemptScope
	if ctx == nil {
		return nil
	}
	a.attemptScope = nil
	return a.s.hooks.AttemptEnd(ctx, events.AttemptEnd{
		Attempt: a.attempt, Peer: a.peer, Err: err, Retry: err != nil && a.retry.again,
	})
}

// enclosures are lent to the phases of requests.
var enclosures = sync.Pool{New: func() any { return new(enclosure) }}

// inherited has the end of one context and the values of another.
type inherited struct {
	context.Context
	values context.Context
}

// Value returns what the other context holds.
func (i inherited) Value(key any) any { return i.values.Value(key) }

// inherit returns a context that ends with ctx, whatever context a hook made of
// it, and has that one's values: the hook's own, where it ends by the same channel.
func inherit(ctx, hooks context.Context) context.Context {
	if hooks.Done() == ctx.Done() {
		return hooks
	}
	return inherited{ctx, hooks}
}

// around returns whose context bounds the phase of st, the context that its
// hooks get, and what they are told.
func (a *actor) around(st fsm.State) (caller, scope context.Context, start events.PhaseStart) {
	start.Phase = st
	if st == fsm.Resolve {
		start.Host = a.question()
	}
	if st.Connecting() {
		return a.ctx, a.attemptScope, start
	}
	a.enclosure = enclosures.Get().(*enclosure)
	start.Request = a.request()
	return a.serving.ctx, a.serving.ctx, start
}

// request returns what hooks are told of each request.
func (a *actor) request() *events.Request {
	if a.asked == nil {
		a.asked = &events.Request{Session: a.s.id, Host: a.plan.name, Port: a.plan.port,
			Peer: peerOf(a.conn.NetConn()), Connect: a.origin}
	}
	return a.asked
}

func (a *actor) closePhase(err error) error {
	if a.enclosure == nil || a.phaseScope == nil {
		return nil
	}
	ctx := a.phaseScope
	a.phaseScope = nil
	if err != nil {
		a.facts.Err = err
	}
	facts := a.facts
	a.facts = events.PhaseEnd{}
	return a.s.hooks.PhaseEnd(ctx, facts)
}

// outside is the context of what no caller has asked for after the connect: with
// the values of the one that ConnectStart returned.
func (a *actor) outside() context.Context {
	if a.origin != nil {
		return a.origin
	}
	if a.marked.Context == nil {
		a.marked.Context = context.Background()
	}
	return &a.marked
}

// lifeOver tells the end of the life to who hears of its beginning.
func (a *actor) lifeOver(e *ending) {
	cause := e.cause
	if e.closed {
		cause = nil
	}
	_ = a.s.hooks.LifeOver(a.outside(), events.LifeOver{Session: a.s.id, Life: a.l.number, Err: cause})
}

// endAttempt ends an attempt that failed in st: it says so, decides whether
// another follows, leaves the server politely where the protocol allows it, and
// closes the socket. hookErr is that of a hook that panicked meanwhile: nothing
// follows it.
func (a *actor) endAttempt(st fsm.State, err error) (again bool, hookErr error) {
	a.tellCause(err)
	a.retry.judge(a, st, asError(err))
	if a.mayQuit(asError(err)) {
		_ = a.conn.WriteLine("QUIT", partingLimit)
	}
	a.hangUp()
	if a.hookErr != nil { // before it is said that another attempt follows
		a.retry.again = false
	}
	if hookErr = errors.Join(a.closeAttempt(err), a.hookErr); hookErr != nil {
		a.retry.again = false
	}
	return a.retry.again, hookErr
}

// partingLimit bounds the one write of a QUIT that nobody waits for. The
// kernel takes it at once unless the server has long stopped reading.
const partingLimit = 50 * time.Millisecond

// mayQuit reports whether QUIT may be said after err: only where both sides
// know whose turn it is.
func (a *actor) mayQuit(e *smtp.Error) bool {
	if a.conn == nil {
		return false
	}
	switch e.Kind {
	case smtp.KindReply, smtp.KindNoTLS:
		return e.Reply.Code != 421
	default:
		return false
	}
}

// hangUp closes the socket.
func (a *actor) hangUp() {
	if a.connecting != nil && a.answers != nil {
		a.answers.Close()
	}
	if a.conn == nil {
		return
	}
	a.s.mu.Lock()
	a.l.conn = nil
	written, read := a.conn.Octets()
	a.l.written += written
	a.l.read += read
	a.s.mu.Unlock()
	if a.torn { // an orderly end might pass for that of the content
		a.conn.Abort()
	}
	_ = a.conn.Close()
	a.conn = nil
}

// hearing is the context that hooks of events get: the innermost open scope's.
func (a *actor) hearing() context.Context {
	if a.enclosure != nil && a.phaseScope != nil {
		return a.phaseScope
	}
	if a.connecting == nil {
		return context.Background()
	}
	for _, ctx := range []context.Context{a.attemptScope, a.connectScope} {
		if ctx != nil {
			return ctx
		}
	}
	return a.ctx
}
