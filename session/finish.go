package session

import (
	"errors"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// finish is the one end of a life, in this order: scopes and socket closed,
// machine closed, last events, channels closed, Err stored, LifeEnd, mailbox
// refused and emptied, Done closed and with it Connect answered. cause is nil
// after Disconnect.
func (a *actor) finish(cause error) {
	s, l := a.s, a.l
	s.mu.Lock()
	connected := !l.connecting
	l.finishing, l.connecting = true, false
	cut, closed, left := l.cut, s.closed, false
	switch canceled := l.leaving && errors.Is(cause, smtp.ErrCanceled); {
	case canceled && cut == nil: // a Transaction within DATA, which nothing else ends
		left = true
	case canceled: // before QUIT was said
		l.quitErr = cause
	}
	if l.cancel != nil {
		l.cancel(nil)
		l.cancel = nil
	}
	s.mu.Unlock()

	if connected {
		a.report(cause) // only after a panic is there anything left
	}
	if connected && !errors.Is(cause, smtp.ErrClosed) {
		a.tellCause(cause)
	}
	_ = a.closePhase(cause) // open only after a panic, as is the attempt
	if a.connecting != nil {
		a.stop()
		a.retry.again = false
		_ = a.closeAttempt(cause)
		_ = a.closeConnect(cause)
	}
	a.hangUp()
	_ = a.fire(fsm.Close)
	a.lifeOver(cause)

	l.err, l.connectErr = cause, cause
	if cause == nil || left || errors.Is(cut, smtp.ErrClosed) || l.quitErr != nil {
		l.err = &smtp.Error{Kind: smtp.KindClosed}
	}
	if connected {
		a.last(events.KindDisconnect, closed, a.disconnect(cause))
	} else {
		a.disconnected(cause)
		a.last(events.KindError, closed, func(h events.Header) events.Event {
			return events.OnError{Header: h, Host: a.plan.name, Port: a.plan.port, Err: cause, Final: true}
		})
	}

	a.endLife() // before another life may begin

	s.mu.Lock()
	l.ended = true
	late := s.closed && !closed // by who heard the last events
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
	_ = a.beginLife()
	_ = a.openConnect()
	a.finish(a.explain(a.s.machine.State(), err))
}
