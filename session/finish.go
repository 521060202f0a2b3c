package session

import (
	"errors"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// ending is what the steps of finish know of the end of a life.
type ending struct {
	cause      error // nil after Disconnect
	closed     bool  // cause is that of a Close
	connected  bool  // the life was ready
	final      bool  // no life follows
	err        error // what Err returns
	disconnect disconnect
}

// finish is the one end of a life, in this order: scopes and socket closed,
// machine closed, last events, channels closed, Err stored, LifeEnd, mailbox
// refused and emptied, Done closed and with it Connect answered. cause is nil
// after Disconnect. Each step is deferred: hooks run in them, and one that ends the
// goroutine (a t.Fatal in it) keeps no other step from its turn.
func (a *actor) finish(cause error) {
	e := a.ending(cause)
	defer a.over(e)
	defer a.endLife() // before another life may begin
	defer a.sayLast(e)
	defer a.tearDown(e)
	a.closeScopes(e)
}

// ending decides what the end is. What is asked of the cause, which may be a
// foreign error, is asked here, where it may panic.
func (a *actor) ending(cause error) *ending {
	s, l := a.s, a.l
	e := &ending{}
	s.mu.Lock()
	e.connected, e.final = a.reached, s.closed
	l.finishing, l.connecting = true, false
	cut, leaving := l.cut, l.leaving
	l.endContext(nil)
	s.mu.Unlock()

	left := false
	e.cause = contained(cause, func(cause error) {
		e.closed = errors.Is(cause, smtp.ErrClosed)
		switch canceled := leaving && errors.Is(cause, smtp.ErrCanceled); {
		case canceled && cut == nil: // a Transaction within DATA, which nothing else ends
			left = true
		case canceled: // before QUIT was said
			l.quitErr = cause
		}
		e.disconnect = a.disconnect(cause)
	})
	e.err = e.cause
	if e.cause == nil || left || errors.Is(cut, smtp.ErrClosed) || l.quitErr != nil {
		e.err = &smtp.Error{Kind: smtp.KindClosed}
	}
	return e
}

// closeScopes closes what is open.
func (a *actor) closeScopes(e *ending) {
	if e.connected {
		a.report(e.cause) // only after a panic is there anything left
	}
	if e.connected && !e.closed {
		a.tellCause(e.cause)
	}
	_ = a.closePhase(e.cause) // open only after a panic, as is the attempt
	if a.connecting != nil {
		a.retry.again = false
		_ = a.closeAttempt(e.cause)
		_ = a.closeConnect(e.cause)
	}
}

// tearDown closes socket and machine.
func (a *actor) tearDown(e *ending) {
	a.hangUp()
	defer a.lifeOver(e)
	_ = a.fire(fsm.Close)
}

// sayLast stores the error and tells the last events.
func (a *actor) sayLast(e *ending) {
	a.l.err, a.l.connectErr = e.err, e.cause
	if e.connected {
		a.last(events.KindDisconnect, e.final, e.disconnect.event)
		return
	}
	defer a.last(events.KindError, e.final, func(h events.Header) events.Event {
		return events.OnError{Header: h, Host: a.plan.name, Port: a.plan.port, Err: e.cause, Final: true}
	})
	if a.dialed {
		a.dialed = false
		a.told(events.KindDisconnect, e.disconnect.event)
	}
}

// over answers who waits, and whoever comes may begin another life.
func (a *actor) over(e *ending) {
	s, l := a.s, a.l
	if v := recover(); v != nil {
		l.err = panicked(v)
		l.connectErr = l.err
	}
	s.mu.Lock()
	l.ended = true
	late := s.closed && !e.final // by who heard the last events
	waiting := l.mailbox.queue
	l.mailbox.queue = nil
	s.mu.Unlock()
	if late {
		s.feeds.End()
	}
	for _, r := range waiting {
		a.answer(r, smtp.Reply{}, &smtp.Error{Kind: smtp.KindNotConnected, Command: r.verb, Err: l.err})
	}
	close(l.done)
}

// refuse is a life of one final OnError, for arguments that are invalid. The
// caller's goroutine runs it.
func (a *actor) refuse(err error) {
	defer a.finish(a.explain(a.s.machine.State(), err))
	_ = a.beginLife()
	_ = a.openConnect()
}
