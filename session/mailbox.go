package session

import (
	"context"
	"errors"
	"slices"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
)

// request is what a caller wants done: one command, or a login. The session's
// lock guards status; reply and err are set before answered closes.
type request struct {
	ctx      context.Context
	verb     string
	line     string
	login    *login // nil: a command
	status   status
	answered chan struct{}
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
	m.queue = m.queue[1:]
	if len(m.queue) == 0 {
		m.queue = nil
	}
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
	r.ctx, r.answered = ctx, make(chan struct{})
	l, err := s.post(r)
	if err != nil {
		return smtp.Reply{}, err
	}
	select {
	case <-r.answered:
		return r.reply, r.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	switch r.status {
	case queued:
		l.mailbox.remove(r)
		s.mu.Unlock()
		return smtp.Reply{}, canceled()
	case running:
		l.cutLife(contextError(ctx))
	case complete:
	}
	s.mu.Unlock()
	if r.login != nil && !r.login.soon(r.answered) {
		return smtp.Reply{}, canceled()
	}
	<-r.answered
	return r.reply, r.err
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
	}
	l.mailbox.queue = append(l.mailbox.queue, r)
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
	return nil
}

// answer gives a request its result.
func (a *actor) answer(r *request, reply smtp.Reply, err error) {
	a.s.mu.Lock()
	r.status = complete
	a.s.mu.Unlock()
	r.reply, r.err = reply, err
	close(r.answered)
}
