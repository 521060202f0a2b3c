package session

import (
	"context"
	"errors"
	"slices"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// request is what a caller wants done: one command, a login or a message. The session's
// lock guards status; reply and err are set before answered has its value.
type request struct {
	ctx      context.Context
	verb     string
	line     string
	login    *login    // nil: a command, or
	delivery *delivery // a message, or
	step     step      // a part of one
	of       *Transaction
	status   status
	answered chan struct{} // gets one value
	taken    bool          // and it was taken: nobody but the caller has the request any more
	reply    smtp.Reply
	err      error
}

type status uint8

const (
	queued status = iota
	running
	complete
)

// mailbox is what waits for a session, first in first out. The session's lock
// guards it.
type mailbox struct {
	queue []*request
}

func (m *mailbox) take() *request {
	if len(m.queue) == 0 {
		return nil
	}
	r := m.queue[0]
	m.queue = slices.Delete(m.queue, 0, 1)
	r.status = running
	return r
}

func (m *mailbox) remove(r *request) {
	m.queue = slices.DeleteFunc(m.queue, func(other *request) bool { return other == r })
}

// do posts a command and waits for its answer or for the end of ctx.
func (s *Session) do(ctx context.Context, verb, line string) (smtp.Reply, error) {
	return s.ask(ctx, &request{verb: verb, line: line})
}

// ask posts a request and waits for its answer or for the end of ctx.
func (s *Session) ask(ctx context.Context, r *request) (smtp.Reply, error) {
	if events.InHook(ctx) {
		return smtp.Reply{}, &smtp.Error{Kind: smtp.KindInHook, Command: r.verb}
	}
	canceled := func() error {
		return &smtp.Error{Kind: smtp.KindCanceled, Command: r.verb, Err: contextError(ctx)}
	}
	if ctx.Err() != nil {
		return smtp.Reply{}, canceled()
	}
	r.ctx = ctx
	l, err := s.post(r)
	if err != nil {
		return smtp.Reply{}, err
	}
	if r.reads() { // nobody here would see the end of ctx while a Read hangs
		defer context.AfterFunc(ctx, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if r.status == running {
				l.cutLife(contextError(ctx))
			}
		})()
	}
	defer s.keepAnswered(r)
	if r.await(ctx) {
		return r.reply, r.err
	}
	s.mu.Lock()
	switch {
	case ctx.Err() == nil: // the life was cut by somebody else
	case r.status == queued:
		l.mailbox.remove(r)
		l.steps = slices.DeleteFunc(l.steps, func(other *request) bool { return other == r })
		s.mu.Unlock()
		return smtp.Reply{}, canceled()
	case r.status == running:
		l.cutLife(contextError(ctx))
	}
	cut := l.cut
	s.mu.Unlock()
	switch {
	case r.login == nil || cut == nil:
		r.finish()
	case !shortly(r.answered):
		return smtp.Reply{}, &smtp.Error{Kind: smtp.KindCanceled, Phase: fsm.Auth.String(), Command: r.verb, Err: cut}
	}
	return r.reply, r.err
}

// keepAnswered keeps a request's channel for the next one. A pool would not do: it
// would carry channels from one bubble of testing/synctest to another.
func (s *Session) keepAnswered(r *request) {
	if r.taken {
		s.mu.Lock()
		s.spare = r.answered
		s.mu.Unlock()
	}
}

// reads reports whether the caller has to read content for the session.
func (r *request) reads() bool {
	return r.delivery != nil && r.delivery.lent()
}

// await waits for the answer, and reads content for the session meanwhile. It
// reports false if ctx ends first.
func (r *request) await(ctx context.Context) bool {
	if r.reads() {
		r.taken = r.delivery.content.(*lent).serve(ctx, r.answered)
		return r.taken
	}
	var cut chan struct{} // a login may compute, deaf to it
	if r.login != nil {
		cut = r.login.cut
	}
	select {
	case <-r.answered:
		r.taken = true
	case <-ctx.Done():
	case <-cut:
	}
	return r.taken
}

// finish waits for the answer, whatever ends.
func (r *request) finish() {
	if r.reads() {
		r.await(context.Background())
		return
	}
	<-r.answered
	r.taken = true
}

// post queues a request and wakes the session.
func (s *Session) post(r *request) (*life, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.life
	switch {
	case s.closed:
		return nil, &smtp.Error{Kind: smtp.KindClosed, Command: r.verb}
	case !l.began, l.ended:
		return nil, &smtp.Error{Kind: smtp.KindNotConnected, Command: r.verb, Err: errors.New("Connect first")}
	case l.leaving || l.finishing || l.cut != nil:
		return nil, &smtp.Error{Kind: smtp.KindNotConnected, Command: r.verb, Err: errors.New("the session is ending")}
	case r.of != nil && (l.open != r.of || r.of.over):
		return nil, errOver(r.verb)
	case r.of == nil && l.open != nil:
		return nil, &smtp.Error{Kind: smtp.KindBusy, Command: r.verb, Err: errors.New("Commit or Abort the Transaction first")}
	}
	if r.answered, s.spare = s.spare, nil; r.answered == nil {
		r.answered = make(chan struct{}, 1)
	}
	if r.of == nil {
		l.mailbox.queue = append(l.mailbox.queue, r)
	} else {
		l.steps = append(l.steps, r)
	}
	l.wake()
	return l, nil
}

// settle decides between the answer, which is here, and a cut: one that came
// before has already closed the connection, one that comes after cuts nothing.
func (a *actor) settle(r *request) error {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if err := a.endedLocked(); err != nil {
		asError(err).Command = r.verb
		return err
	}
	r.status = complete
	a.l.stepping = false // the end of a Transaction's context cuts nothing any more
	return nil
}

// answer gives a request its result.
func (a *actor) answer(r *request, reply smtp.Reply, err error) {
	a.s.mu.Lock()
	r.status = complete
	a.s.mu.Unlock()
	r.reply, r.err = reply, err
	r.answered <- struct{}{} // and it is the caller's again
}
