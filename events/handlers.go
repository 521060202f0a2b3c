package events

import (
	"fmt"
	"log/slog"
)

// Handlers turn a channel of events into callbacks: one optional function per
// type of event. The zero value hears nothing.
//
//	ch, _ := s.Subscribe(events.Filter{Kinds: h.Kinds()})
//	dispatched := make(chan error, 1)
//	go func() { dispatched <- h.Dispatch(ch) }() // until the end of the life
//
// The callbacks run one after another on the goroutine that called Dispatch,
// in the order of the events, never on the session's own: they may block, may call
// any method of the session, and may end the subscription. A callback that is slow
// makes the channel lag, not the session. With a [Hub]'s channel they hear of many
// sessions; the header says of which.
//
// A callback that panics is contained: the next event comes as if it had returned,
// and OnPanic, Handle and Dispatch tell. Where there is no OnPanic, or it panics
// itself, slog's default logger gets an error, as `go h.Dispatch(ch)` has nobody to
// return one to.
type Handlers struct {
	OnStateChange  func(OnStateChange)
	OnResolve      func(OnResolve)
	OnDial         func(OnDial)
	OnGreeting     func(OnGreeting)
	OnHello        func(OnHello)
	OnSecure       func(OnSecure)
	OnConnect      func(OnConnect)
	OnCommand      func(OnCommand)
	OnAuthenticate func(OnAuthenticate)
	OnRecipient    func(OnRecipient)
	OnProgress     func(OnProgress)
	OnMessage      func(OnMessage)
	OnRetry        func(OnRetry)
	OnTimeout      func(OnTimeout)
	OnCancel       func(OnCancel)
	OnError        func(OnError)
	OnDisconnect   func(OnDisconnect)
	Lagged         func(Lagged)

	// OnPanic hears at once that the callback for e panicked, with an error of
	// smtp.KindPanic that holds a [smtp.PanicError].
	OnPanic func(e Event, err error)
}

// Kinds returns the kinds that have a callback, for a [Filter], and KindLagged in
// any case: [Lagged] comes whatever is asked for, and an empty mask would mean all.
func (h *Handlers) Kinds() Mask {
	m := MaskOf(KindLagged)
	for k, set := range map[Kind]bool{
		KindStateChange:  h.OnStateChange != nil,
		KindResolve:      h.OnResolve != nil,
		KindDial:         h.OnDial != nil,
		KindGreeting:     h.OnGreeting != nil,
		KindHello:        h.OnHello != nil,
		KindSecure:       h.OnSecure != nil,
		KindConnect:      h.OnConnect != nil,
		KindCommand:      h.OnCommand != nil,
		KindAuthenticate: h.OnAuthenticate != nil,
		KindRecipient:    h.OnRecipient != nil,
		KindProgress:     h.OnProgress != nil,
		KindMessage:      h.OnMessage != nil,
		KindRetry:        h.OnRetry != nil,
		KindTimeout:      h.OnTimeout != nil,
		KindCancel:       h.OnCancel != nil,
		KindError:        h.OnError != nil,
		KindDisconnect:   h.OnDisconnect != nil,
	} {
		if set {
			m |= MaskOf(k)
		}
	}
	return m
}

// Dispatch calls the callbacks until the channel is closed, which it is at the
// end of the life or when the subscription is ended. It returns the error of the
// first callback that panicked.
func (h *Handlers) Dispatch(ch <-chan Event) (failed error) {
	for e := range ch {
		if err := h.Handle(e); failed == nil {
			failed = err
		}
	}
	return failed
}

// Handle calls the callback for one event, if there is one. If it panics, the
// error is of smtp.KindPanic.
func (h *Handlers) Handle(e Event) error {
	err := guarded(func() string { return "callback " + e.Kind().String() }, func() { h.call(e) })
	if err == nil {
		return nil
	}
	if h.OnPanic == nil {
		return blame(e, err)
	}
	again := guarded(func() string { return "callback OnPanic" }, func() { h.OnPanic(e, err) })
	if again == nil {
		return err
	}
	return fmt.Errorf("%w; and in OnPanic: %w", blame(e, err), blame(e, again))
}

// blame gives a panic to slog's default logger, and returns it, with that of the
// logger's handler if there is one.
func blame(e Event, err error) error {
	again := guarded(func() string { return "slog's default handler" }, func() {
		slog.Error("smtp callback panicked", "smtp.session.id", e.Head().Session, "error", err, "stack", string(stackOf(err)))
	})
	if again == nil {
		return err
	}
	return fmt.Errorf("%w; and in the log: %w", err, again)
}

// call calls the callback.
func (h *Handlers) call(e Event) {
	switch e := e.(type) {
	case OnStateChange:
		call(h.OnStateChange, e)
	case OnResolve:
		call(h.OnResolve, e)
	case OnDial:
		call(h.OnDial, e)
	case OnGreeting:
		call(h.OnGreeting, e)
	case OnHello:
		call(h.OnHello, e)
	case OnSecure:
		call(h.OnSecure, e)
	case OnConnect:
		call(h.OnConnect, e)
	case OnCommand:
		call(h.OnCommand, e)
	case OnAuthenticate:
		call(h.OnAuthenticate, e)
	case OnRecipient:
		call(h.OnRecipient, e)
	case OnProgress:
		call(h.OnProgress, e)
	case OnMessage:
		call(h.OnMessage, e)
	case OnRetry:
		call(h.OnRetry, e)
	case OnTimeout:
		call(h.OnTimeout, e)
	case OnCancel:
		call(h.OnCancel, e)
	case OnError:
		call(h.OnError, e)
	case OnDisconnect:
		call(h.OnDisconnect, e)
	case Lagged:
		call(h.Lagged, e)
	}
}

func call[E Event](f func(E), e E) {
	if f != nil {
		f(e)
	}
}
