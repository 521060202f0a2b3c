package session

import (
	"context"
	"errors"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// heard counts an event of kind k and reports whether anybody wants it: a test
// of two masks. Only then is the event made.
func (a *actor) heard(k events.Kind) (events.Header, bool) {
	state := a.s.machine.State()
	seq, wanted := a.s.feeds.Advance(state, k)
	if !wanted && !a.s.hooks.Want(k) {
		return events.Header{}, false
	}
	return a.header(seq), true
}

func (a *actor) header(seq uint64) events.Header {
	return events.Header{Session: a.s.id, Life: a.l.number, Seq: seq, Time: time.Now(), Attempt: a.attempt, State: a.s.machine.State()}
}

// tell gives an event to who wants it.
func (a *actor) tell(e events.Event) {
	missed := a.s.feeds.Send(e)
	a.hookErr = errors.Join(a.hookErr, a.s.hooks.Event(a.hearing(), e))
	a.missed(missed)
}

// missed tells how many events channels had no room for.
func (a *actor) missed(n uint64) {
	if n > 0 {
		a.hookErr = errors.Join(a.hookErr, a.s.hooks.EventsMissed(a.missing(), n))
	}
}

// missing is the context that hooks of missed events get: of the whole life, so
// that all that one session's channels miss is counted alike.
func (a *actor) missing() context.Context {
	if a.origin != nil {
		return a.origin
	}
	return a.hearing()
}

// told is heard and tell in one, where the closure's cost does not matter.
func (a *actor) told(k events.Kind, build func(events.Header) events.Event) {
	if h, ok := a.heard(k); ok {
		a.tell(build(h))
	}
}

// last tells the last event of the life and closes the channels.
func (a *actor) last(k events.Kind, ended bool, build func(events.Header) events.Event) {
	var e events.Event
	made := func(seq uint64) events.Event {
		if e == nil {
			e = build(a.header(seq))
		}
		return e
	}
	seq, missed := a.s.feeds.Finish(a.s.machine.State(), k, ended, made)
	if a.s.hooks.Want(k) {
		_ = a.s.hooks.Event(a.hearing(), made(seq))
	}
	a.missed(missed)
}

// tellCause tells OnTimeout or OnCancel for an error of that kind.
func (a *actor) tellCause(err error) {
	if err == nil {
		return
	}
	switch asError(err).Kind {
	case smtp.KindTimeout:
		a.told(events.KindTimeout, func(h events.Header) events.Event { return events.OnTimeout{Header: h, Err: err} })
	case smtp.KindCanceled:
		a.told(events.KindCancel, func(h events.Header) events.Event { return events.OnCancel{Header: h, Err: err} })
	default:
	}
}

// disconnected tells OnDisconnect if OnDial was told.
func (a *actor) disconnected(cause error) {
	if a.dialed {
		d := a.disconnect(cause)
		a.told(events.KindDisconnect, d.event)
		a.dialed = false
	}
}

// disconnect is an OnDisconnect that is to be told.
type disconnect events.OnDisconnect

func (d *disconnect) event(h events.Header) events.Event {
	e := events.OnDisconnect(*d)
	e.Header = h
	return e
}

// disconnect makes the OnDisconnect for what ended the connection. What it asks of
// the error, which may be a foreign one, it asks now and under no lock.
func (a *actor) disconnect(cause error) disconnect {
	e := disconnect{Host: a.plan.name, Port: a.plan.port, Reason: events.Local}
	if cause != nil && !errors.Is(cause, smtp.ErrClosed) {
		failure := asError(cause)
		e.Err, e.Reply, e.Reason = cause, failure.Reply, a.reason(failure)
	}
	return e
}

// reason says who ended the connection. A refusal while connecting is followed
// by our QUIT; on a connected session, and as 421, it is the server's goodbye.
func (a *actor) reason(e *smtp.Error) events.Reason {
	switch e.Kind {
	case smtp.KindLost:
		if isEOF(e.Err) {
			return events.Remote
		}
	case smtp.KindReply:
		if e.Reply.Code == 421 || a.connecting == nil {
			return events.Remote
		}
		return events.Local
	case smtp.KindCanceled, smtp.KindNoTLS, smtp.KindCertificate:
		return events.Local
	default:
	}
	return events.Failure
}

// fire makes a transition and tells it, with the view that goes with it.
func (a *actor) fire(t fsm.Trigger) error {
	v := view{attempt: a.attempt, host: a.plan.name, port: a.plan.port, reply: a.reply}
	if a.conn != nil {
		v.remote, v.extended, v.authenticated = a.remote, a.extended, a.authenticated
		v.capabilities, v.tls = a.caps, a.conn.TLS()
	}
	return a.s.transit(a.hearing(), a.missing(), t, v, a.header)
}

// fire makes a transition of a session that has no life.
func (s *Session) fire(ctx context.Context, t fsm.Trigger, v view, header func(seq uint64) events.Header) error {
	return s.transit(ctx, ctx, t, v, header)
}

// transit makes a transition: looplab decides; the view is swapped, then feeds and
// hooks hear of it, in the contexts for events and for missed ones.
func (s *Session) transit(hearing, missing context.Context, t fsm.Trigger, v view, header func(seq uint64) events.Header) error {
	from := s.machine.State()
	if from == fsm.Closed && t == fsm.Close {
		return nil
	}
	if err := s.machine.Fire(t); err != nil {
		return &smtp.Error{Kind: smtp.KindPanic, Err: err}
	}
	to := s.machine.State()
	v.state, v.since = to, time.Now()
	s.mu.Lock()
	s.view = v
	s.mu.Unlock()
	seq, wanted := s.feeds.Advance(to, events.KindStateChange)
	if !wanted && !s.hooks.Want(events.KindStateChange) {
		return nil
	}
	e := events.OnStateChange{Header: header(seq), From: from, To: to}
	missed := s.feeds.Send(e)
	return errors.Join(s.hooks.Event(hearing, e), s.hooks.EventsMissed(missing, missed))
}
