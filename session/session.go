package session

import (
	"context"
	"crypto/tls"
	"sync"
	"sync/atomic"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// Session is one SMTP client session. Every method is safe for concurrent use;
// those that take a context return when it ends. Make one with [New]; the zero
// value is not usable.
type Session struct {
	id    uint64
	hooks *events.Hooks
	feeds events.Feeds

	// mu guards all below, the life's fields, and every change of a deadline.
	mu          sync.Mutex
	config      Config                             // without UserName and Password
	credentials func() (userName, password string) // what fmt would print is kept behind a function
	machine     fsm.Machine                        // of who has the life alone, while there is one
	life        *life                              // the current one, or the coming one, or the last
	lives       uint64
	view        view
	spare       chan struct{} // of a request that was answered, for the next one
	closed      bool
}

// ids counts the sessions of the process.
var ids atomic.Uint64

// New makes a session. It starts no goroutine and does no I/O. The only
// configuration it refuses is a hook that implements no hook interface; the
// rest is checked by each Connect, together with its arguments.
func New(c Config) (*Session, error) {
	hooks, err := hooksOf(&c)
	if err != nil {
		return nil, err
	}
	c.Hooks = nil
	if c.Resolver == nil {
		c.Resolver = transport.DefaultResolver()
	}
	if c.Dialer == nil {
		c.Dialer = transport.DefaultDialer()
	}
	s := &Session{id: ids.Add(1), hooks: hooks, life: newLife()}
	s.feeds.Hub = c.Hub
	s.keepCredentials(c.UserName, c.Password)
	c.UserName, c.Password = "", ""
	s.config = c
	return s, nil
}

// Connect takes the session from disconnected to ready: it resolves, dials,
// reads the greeting, says EHLO or HELO and, as the options say, makes TLS
// before or after. It never logs in. nil means ready.
//
// While connected or connecting it fails with smtp.ErrConnected and the
// session is unhurt; after Close it fails with smtp.ErrClosed. Any other error
// leaves the session disconnected, with no socket and no goroutine, and Connect
// may be called again. It tells the phase, the command, the reply and the
// cause; smtp.Code gives a number for it.
//
// The end of ctx interrupts it within 100 ms in every phase, back-off included.
// Once Connect has returned nil the end of ctx means nothing any more.
//
// Hooks, and what else of the configuration a connect calls, run on the goroutine that
// called Connect. Where one of them ends it (runtime.Goexit, as t.Fatal does) the life
// ends with an error, and Connect does not return.
func (s *Session) Connect(ctx context.Context, opts ...ConnectOption) error {
	a, err := s.begin(ctx, opts)
	if err != nil {
		return err
	}
	a.run((*actor).begin)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.l.ready {
		return nil
	}
	return a.l.connectErr
}

// Start is Connect on a goroutine of its own: nil means that it has begun, and OnConnect
// or a final OnError tells how it ended, as do Wait, Done and Err. An invalid
// argument is returned by Start itself.
//
// ctx holds until OnConnect or the final OnError. So the usual
//
//	ctx, cancel := context.WithTimeout(ctx, time.Minute)
//	defer cancel()
//	err := s.Start(ctx)
//
// ends the connect when the function returns: call cancel after Wait instead.
func (s *Session) Start(ctx context.Context, opts ...ConnectOption) error {
	a, err := s.begin(ctx, opts)
	if err != nil {
		return err
	}
	go func() {
		deepenToDial(0)
		a.run((*actor).begin)
	}()
	return nil
}

// Disconnect ends the life: QUIT, five seconds for any answer, then the socket
// is closed. A 2yz reply, the end of the connection and silence are all nil; so
// is a session without a life. In a connect phase or in back-off it cancels the
// connect. A request that is running is answered first, those that wait fail.
//
// If ctx ends first the socket is closed at once and the error says so.
func (s *Session) Disconnect(ctx context.Context) error {
	if events.InHook(ctx) {
		return &smtp.Error{Kind: smtp.KindInHook, Command: "QUIT"}
	}
	s.mu.Lock()
	l := s.life
	if !l.began || l.ended {
		s.mu.Unlock()
		return nil
	}
	if l.connecting {
		l.cutLife(&smtp.Error{Kind: smtp.KindClosed})
	} else {
		l.leaving = true
		l.wake()
	}
	s.mu.Unlock()
	select {
	case <-l.done:
		return l.quitErr
	case <-ctx.Done():
	}
	s.mu.Lock()
	l.cutLife(contextError(ctx))
	s.mu.Unlock()
	if !shortly(l.done) { // a mechanism computes, or waits for a card
		return &smtp.Error{Kind: smtp.KindCanceled, Command: "QUIT", Err: contextError(ctx)}
	}
	return l.quitErr
}

// Close ends the session for good, at once, from anywhere: a hook may call it.
// It does not wait for the session's goroutine; <-Done() does. Later calls that
// would do something return smtp.ErrClosed; another Close returns nil.
func (s *Session) Close() error {
	s.mu.Lock()
	l := s.life
	again := s.closed
	s.closed = true
	alive := l.began && !l.ended
	if alive {
		l.cutLife(&smtp.Error{Kind: smtp.KindClosed})
	}
	s.mu.Unlock()
	if !again && !alive {
		s.closeIdle(l)
	}
	return nil
}

// ID returns the session's number, unique in the process.
func (s *Session) ID() uint64 { return s.id }

// State returns where the session is now.
func (s *Session) State() fsm.State { return s.look().state }

// Extended reports whether ESMTP may be used: EHLO was asked for, by the
// Extended option or port 587, and the server knows it.
func (s *Session) Extended() bool { return s.look().extended }

// Capabilities returns what the newest EHLO reply of this connection lists:
// after STARTTLS the one after it. Without a connection it is empty.
func (s *Session) Capabilities() smtp.Capabilities { return s.look().capabilities }

// TLS returns the state of the connection's TLS, and false where there is none.
func (s *Session) TLS() (tls.ConnectionState, bool) {
	t := s.look().tls
	if t == nil {
		return tls.ConnectionState{}, false
	}
	return t.ConnectionState(), true
}

// Done returns a channel that is closed at the end of the current life. Before
// the first life it is that of the coming one.
func (s *Session) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life.done
}

// Err returns nil exactly while Done is open: smtp.ErrClosed after Close or
// Disconnect, else what ended the life.
func (s *Session) Err() error {
	s.mu.Lock()
	l := s.life
	s.mu.Unlock()
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Wait returns nil when the session is ready, and what Err says if the life
// ends first. Before the first life it waits for one.
func (s *Session) Wait(ctx context.Context) error {
	if events.InHook(ctx) {
		return &smtp.Error{Kind: smtp.KindInHook}
	}
	s.mu.Lock()
	l := s.life
	ready := l.untilReady()
	s.mu.Unlock()
	select {
	case <-l.done:
		return l.err
	default:
	}
	select {
	case <-ready:
		return nil
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return &smtp.Error{Kind: smtp.KindCanceled, Err: contextError(ctx)}
	}
}

// Subscribe returns a channel of its own with the events of the current life,
// or of the next one if there is none, and the function that ends it. The first
// event is the state as it is. The session never waits for the reader: see
// package events for what a slow one misses. The channel is closed at the end
// of the life; after Close it holds the state and is closed.
func (s *Session) Subscribe(f events.Filter) (<-chan events.Event, func()) {
	s.mu.Lock() // no life begins between the look at it and its events
	defer s.mu.Unlock()
	return s.feeds.Subscribe(f, events.Header{Session: s.id, Life: s.lives, Attempt: s.view.attempt})
}
