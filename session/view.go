package session

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// view is what others may read of a session: one value, swapped at each
// transition, under the session's lock. Its reply follows by itself.
type view struct {
	state         fsm.State
	since         time.Time
	attempt       int
	host          string
	port          int
	remote        string
	extended      bool
	authenticated bool
	capabilities  smtp.Capabilities
	tls           *tls.Conn // only its ConnectionState is used
	reply         smtp.Reply
}

// note keeps the newest reply, for the actor and for others.
func (a *actor) note(r smtp.Reply) {
	a.reply = r
	a.s.mu.Lock()
	a.s.view.reply = r
	a.s.mu.Unlock()
}

func (s *Session) look() view {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}

// Format prints the session's snapshot, for every verb.
func (s *Session) Format(f fmt.State, verb rune) { s.Snapshot().Format(f, verb) }

// LogValue returns the session's snapshot, for log/slog.
func (s *Session) LogValue() slog.Value { return s.Snapshot().LogValue() }

// Snapshot returns the session at this moment.
func (s *Session) Snapshot() events.Snapshot {
	s.mu.Lock()
	l := s.life
	life, waiting, v := s.lives, len(l.mailbox.queue), s.view
	written, read := l.written, l.read
	if l.conn != nil {
		w, r := l.conn.Octets()
		written, read = written+w, read+r
	}
	s.mu.Unlock()
	seq, _ := s.feeds.Position()
	return events.Snapshot{
		ID: s.id, Life: life, Seq: seq, State: v.state, Since: v.since, Attempt: v.attempt, Host: v.host, Port: v.port,
		Remote: v.remote, Extended: v.extended, Secure: v.tls != nil, Authenticated: v.authenticated, Waiting: waiting,
		Written: written, Read: read, Reply: v.reply, Err: s.Err(),
	}
}
