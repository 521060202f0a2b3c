package session

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// actor is a life as the goroutine sees it that has it. Nobody else touches it.
type actor struct {
	s    *Session
	l    *life
	plan plan
	*connecting
	*enclosure

	attempt       int
	conn          *transport.Conn
	dialed        bool // OnDial was told, so OnDisconnect is owed
	reached       bool // OnConnect was told
	secure        bool // TLS stands
	extended      bool
	authenticated bool
	verified      bool     // the certificate was, of the server that TLS stands with
	owes          bool     // a transaction is open that RSET has to end
	wary          bool     // a server may take the refused end of a content for no end
	mails         int      // transactions that were begun
	torn          bool     // content has begun and has not ended
	mailing       *mailing // while a message is on its way
	delivery      *delivery
	remote        string
	caps          smtp.Capabilities
	reply         smtp.Reply      // the newest
	secrets       *secrets        // of the login; nil before it
	challenge     string          // of the server, while it is under way
	serving       *request        // taken and not answered yet
	asked         *events.Request // what hooks are told of every request; nil before the first
	origin        context.Context // that of ConnectStart, if a hook made one
	marked        events.Scope    // for hooks, where none did
	hookErr       error           // a hook panicked where no error could be returned
}

// connecting is what only the way to ready needs. It is dropped there, since a
// session may rest for hours.
type connecting struct {
	ctx   context.Context // the caller's, in scope; ends too when the life is cut
	scope events.Scope
	began time.Time

	// The scopes that hooks see, open while not nil.
	connectScope context.Context
	attemptScope context.Context
	first        enclosure // of all phases until ready

	retry   retry
	answers *transport.Answers
	peer    netip.AddrPort
}

// enclosure is what a phase has around it. A session that rests has none.
type enclosure struct {
	phaseScope context.Context // not nil: its End is owed
	facts      events.PhaseEnd // what the phase found out
}

// newActor returns the actor of a life whose connect waits for ctx.
func newActor(s *Session, l *life, p plan, ctx context.Context) *actor {
	c := new(connecting)
	c.scope.Context = ctx
	c.ctx = &c.scope
	return &actor{s: s, l: l, plan: p, connecting: c, enclosure: &c.first}
}

// run is a life: what comes first, the loop, and one finisher whatever happens. Once
// it is ready another goroutine goes on, and run returns.
func (a *actor) run(first func(*actor) error) {
	var err error
	over, returned := true, false
	defer func() {
		v := recover()
		if v == nil && !returned {
			v = "runtime.Goexit" // such as a t.Fatal in a hook
		}
		if v != nil {
			e := panicked(v)
			e.Phase = a.s.machine.State().String()
			err = e
		}
		if over {
			a.finish(err)
		}
	}()
	if err = first(a); err == nil {
		over, err = a.loop()
	}
	returned = true
}

// begin opens the life and its connect.
func (a *actor) begin() error {
	if err := a.beginLife(); err != nil {
		return err
	}
	if err := a.openConnect(); err != nil {
		return err
	}
	a.attempt = 1
	return a.fire(fsm.Connect)
}

// rest begins nothing: a life that got ready goes on in a new goroutine, so that
// the stack that a handshake has grown is given back.
func (a *actor) rest() error { return nil }

// loop walks the table until the life is over, and returns what ended it, or
// until it is ready, where another goroutine goes on. It is the only place where
// phases and attempts begin and end.
func (a *actor) loop() (over bool, err error) {
	for {
		st := a.s.machine.State()
		trigger, err := a.turn(st)
		if err == nil && trigger == fsm.Hello {
			err = a.commit()
		}
		if err != nil {
			err = a.explain(st, err)
			if !st.Connecting() {
				a.report(err)
				return true, err
			}
			again, hookErr := a.endAttempt(st, err)
			if hookErr != nil {
				return true, a.explain(st, hookErr)
			}
			if !again {
				return true, err
			}
			trigger = fsm.Retry
		}
		if trigger == fsm.Close {
			return true, nil
		}
		if trigger == fsm.Again {
			a.attempt++
		}
		if err := a.fire(trigger); err != nil {
			if a.s.machine.State() != fsm.Ready {
				return true, a.explain(st, err)
			}
			a.hookErr = errors.Join(a.hookErr, err) // ready it is, as OnConnect has to say
		}
		switch trigger {
		case fsm.Hello:
			a.connected()
			go a.run((*actor).rest)
			return false, nil
		case fsm.Answered:
			enclosures.Put(a.enclosure)
			a.enclosure = nil
			a.report(nil)
			if st == fsm.Mail { // the stack has not grown as by SASL, and another message may follow
				continue
			}
			a.settleDown()
			go a.run((*actor).rest)
			return false, nil
		case fsm.Retry:
			a.disconnected(err)
			a.told(events.KindRetry, func(h events.Header) events.Event {
				return events.OnRetry{Header: h, Host: a.plan.name, Port: a.plan.port, Err: err, Delay: a.retry.delay}
			})
		default:
		}
	}
}

// turn does the work of one state and returns what comes of it. The states that
// wait are no phases; ready is reached by few and small frames, since they are
// what a resting session's stack holds.
func (a *actor) turn(st fsm.State) (fsm.Trigger, error) {
	switch st {
	case fsm.Ready:
		return a.ready()
	case fsm.Backoff:
		return a.backoff()
	case fsm.Quit:
		return a.quit()
	default:
		return a.enclosed(st)
	}
}

// enclosed runs the phase of a state in its scope. An attempt begins with
// resolve.
func (a *actor) enclosed(st fsm.State) (trigger fsm.Trigger, err error) {
	if st == fsm.Resolve {
		if err := a.openAttempt(); err != nil {
			return 0, err
		}
	}
	caller, around, start := a.around(st)
	a.facts = events.PhaseEnd{Phase: st, Host: start.Host}
	ctx, err := a.s.hooks.PhaseStart(around, start)
	a.phaseScope = ctx
	if err == nil {
		trigger, err = a.phase(inherit(caller, ctx), st)
	}
	if err == nil {
		err = a.hookErr
	}
	if err != nil {
		err = a.explain(st, err)
	}
	return trigger, errors.Join(a.closePhase(err), err) // a hook that panicked goes before what it was told
}

// phase runs the phase of a state. Each asks first whether the life was cut.
func (a *actor) phase(ctx context.Context, st fsm.State) (fsm.Trigger, error) {
	if err := a.ended(); err != nil {
		return 0, err
	}
	switch st {
	case fsm.Resolve:
		return a.resolve(ctx)
	case fsm.Dial:
		return a.dial(ctx)
	case fsm.TLS:
		return a.handshakeFirst()
	case fsm.Greeting:
		return a.greeting()
	case fsm.Ehlo:
		return a.ehlo(ctx)
	case fsm.StartTLS:
		return a.starttls(ctx)
	case fsm.Auth:
		return a.auth(ctx)
	case fsm.Mail:
		return a.mail(ctx)
	default:
		return fsm.Close, nil
	}
}

// commit decides between success and a cut that came before it. After it the
// end of the caller's context means nothing.
func (a *actor) commit() error {
	a.s.mu.Lock()
	err := a.endedLocked()
	a.l.connecting = err != nil
	a.s.mu.Unlock()
	if err == nil {
		a.hookErr = errors.Join(a.closeAttempt(nil), a.closeConnect(nil))
	}
	return err
}

// connected tells that the session is ready, and lets go of what only the
// connect needed: a session may rest for hours.
func (a *actor) connected() {
	a.reached = true
	a.told(events.KindConnect, func(h events.Header) events.Event {
		return events.OnConnect{Header: h, Host: a.plan.name, Port: a.plan.port, Remote: a.remote,
			Extended: a.extended, Secure: a.secure, Elapsed: time.Since(a.began)}
	})
	a.connecting, a.enclosure = nil, nil
	a.settleDown()
	a.s.mu.Lock()
	a.l.endContext(nil)
	a.l.getReady()
	a.s.mu.Unlock()
}

// report tells how the request that had a phase of its own ended, and answers
// it. ended is what ended the life too.
func (a *actor) report(ended error) {
	r := a.serving
	switch d := a.delivery; {
	case d != nil:
		d.conclude(ended)
		if h, ok := a.heard(events.KindMessage); ok {
			a.tell(events.OnMessage{Header: h, Receipt: d.receipt, Err: d.receipt.Err(), Elapsed: d.receipt.Ended.Sub(d.receipt.Began)})
		}
		if d.steps != nil {
			a.closeTransaction(d.steps)
		}
		switch {
		case r == nil:
		case r.step == nil:
			r.err = d.receipt.Err()
		case ended != nil: // perhaps in the middle of the step
			r.err = ended
		}
		a.delivery = nil
	case r == nil:
		return
	case ended != nil:
		r.err = ended
	}
	if r != nil && r.login != nil {
		if h, ok := a.heard(events.KindAuthenticate); ok {
			a.tell(events.OnAuthenticate{Header: h, Mechanism: r.login.mechanism, Reply: r.reply, Err: r.err, Elapsed: time.Since(r.login.begun)})
		}
	}
	a.serving = nil
	if r != nil {
		a.answer(r, r.reply, r.err)
	}
}

// settleDown prepares a rest on a new stack, since that of a handshake or of
// SASL has grown: what Drain finds, Park finds.
func (a *actor) settleDown() {
	a.conn.Drain()
	a.s.feeds.Publish(fsm.Ready)
}
