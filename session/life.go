package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// life is what one Connect or Start begins, as others see it than the goroutine that
// has it. The session's lock guards the fields, but for done and what is said to be set
// before it closes.
type life struct {
	number uint64
	done   chan struct{} // closed at the end

	ready      bool          // it was, at least
	readied    chan struct{} // closed then; nil while nobody waits for it
	began      bool
	connecting bool // until OnConnect or the final OnError
	leaving    bool // Disconnect was called while ready
	finishing  bool // the last events are going out
	ended      bool // done is about to close, and a new life may begin
	cut        error
	conn       *transport.Conn
	written    int64 // octets, by connections that are closed
	read       int64
	cancel     context.CancelCauseFunc // of what the session waits for beside its connection
	unwatch    func() bool             // ends the watch on the context of the connect
	mailbox    mailbox
	open       *Transaction // the session is its own
	steps      []*request   // of it
	stepping   bool         // one of them runs

	err        error // before done closes: what Err returns
	connectErr error // before done closes: what Connect returns
	quitErr    error // before done closes: what Disconnect returns
}

func newLife() *life {
	return &life{done: make(chan struct{})}
}

// begin opens a life, or tells why not. The actor is for the caller to run; until it
// is ready the end of ctx cuts the life.
func (s *Session) begin(ctx context.Context, opts []ConnectOption) (*actor, error) {
	if events.InHook(ctx) {
		return nil, &smtp.Error{Kind: smtp.KindInHook}
	}
	args := argumentsOf(opts)
	for {
		s.mu.Lock()
		l := s.life
		if l.finishing && !l.ended { // its last event may have caused this call
			s.mu.Unlock()
			select {
			case <-l.done:
				continue
			case <-ctx.Done():
				return nil, &smtp.Error{Kind: smtp.KindConnected, Err: fmt.Errorf("the life before is still ending: %w", contextError(ctx))}
			}
		}
		if s.closed {
			s.mu.Unlock()
			return nil, &smtp.Error{Kind: smtp.KindClosed, Err: errors.New("Close is for good: make another session")}
		}
		if l.began && !l.ended {
			s.mu.Unlock()
			return nil, &smtp.Error{Kind: smtp.KindConnected, Err: errors.New("Disconnect first, or use another session")}
		}
		if l.ended {
			l = newLife()
			s.life = l
		}
		s.lives++
		l.number, l.began, l.connecting = s.lives, true, true
		p, err := newPlan(&s.config, &args)
		if err == nil {
			s.takeCredentials(&args)
		}
		connect, cancel := context.WithCancelCause(ctx)
		l.cancel, l.unwatch = cancel, context.AfterFunc(connect, func() { s.cancelConnect(l, ctx) })
		a := newActor(s, l, p, connect)
		s.mu.Unlock()
		s.feeds.Begin()
		if err != nil {
			a.refuse(err)
			return nil, err
		}
		return a, nil
	}
}

// closeIdle ends a session that has no life: nothing will come.
func (s *Session) closeIdle(l *life) {
	if l.ended {
		s.feeds.End()
		return
	}
	header := func(seq uint64) events.Header {
		return events.Header{Session: s.id, Seq: seq, Time: time.Now(), State: fsm.Closed}
	}
	_ = s.fire(context.Background(), fsm.Close, view{}, header)
	s.feeds.End()
	l.err = &smtp.Error{Kind: smtp.KindClosed}
	close(l.done)
}

// takeCredentials writes given credentials to the session's properties.
func (s *Session) takeCredentials(args *arguments) {
	if args.userName == nil && args.password == nil {
		return
	}
	userName, password := s.credentials()
	if args.userName != nil {
		userName = *args.userName
	}
	if args.password != nil {
		password = *args.password
	}
	s.keepCredentials(userName, password)
}

func (s *Session) keepCredentials(userName, password string) {
	s.credentials = func() (string, string) { return userName, password }
}

// cutLife ends a life's I/O, now and later. The caller holds the lock.
func (l *life) cutLife(cause error) {
	if l.cut != nil {
		return
	}
	l.cut = cause
	l.endContext(cause)
	if l.conn != nil {
		l.conn.Wake()
		l.conn.Cut()
	}
}

// endContext ends what the session waits for beside its connection, if it does. The
// caller holds the lock.
func (l *life) endContext(cause error) {
	if l.unwatch != nil {
		l.unwatch() // or it would hear of this
		l.unwatch = nil
	}
	if l.cancel != nil {
		l.cancel(cause)
		l.cancel = nil
	}
}

// wake makes a parked goroutine look at its mailbox. The caller holds the lock.
func (l *life) wake() {
	if l.conn != nil {
		l.conn.Wake()
	}
}

// cancelConnect cuts a life that is still connecting because ctx ended. After
// OnConnect it does nothing: success and cancel are decided under one lock.
func (s *Session) cancelConnect(l *life, ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.connecting {
		l.cutLife(contextError(ctx))
	}
}

// getReady says that the session is ready. The caller holds the lock.
func (l *life) getReady() {
	l.ready = true
	if l.readied != nil {
		close(l.readied)
	}
}

// untilReady returns what is closed when the session is ready. The caller holds the
// lock.
func (l *life) untilReady() <-chan struct{} {
	if l.readied == nil {
		l.readied = make(chan struct{})
		if l.ready {
			close(l.readied)
		}
	}
	return l.readied
}
