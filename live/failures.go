package live

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
)

// keptFailures is how many of the latest are kept.
const keptFailures = 64

// failures are the latest errors. The writers share no lock, nor do readers hold
// one.
type failures struct {
	next atomic.Uint64
	ring [keptFailures]atomic.Pointer[numbered]
}

type numbered struct {
	number uint64
	Failure
}

// Failure is an error that a session told. Host and Text are escaped.
type Failure struct {
	Time    time.Time
	Session uint64
	Life    uint64
	Attempt int
	Event   events.Kind // the event that told it, such as OnRetry
	Host    string
	Text    string // as the error prints itself: at most a few kilobytes
}

// add keeps err, if it is one. The text is made before anything is shared, so
// that no error keeps more alive than that.
func (f *failures) add(s *entry, e events.Event, err error) {
	if err == nil {
		return
	}
	h := e.Head()
	n := &numbered{Failure: Failure{
		Time: h.Time, Session: h.Session, Life: h.Life, Attempt: h.Attempt, Event: e.Kind(),
		Host: smtp.Escape(s.handle.Snapshot().Host),
		Text: (&smtp.Error{Err: err}).Error(), // escapes what is not escaped
	}}
	n.number = f.next.Add(1)
	f.ring[n.number%keptFailures].Store(n)
}

// Failures returns the latest errors, at most 64, the newest first: those of
// attempts, connects, connections, messages, logins and commands.
func (r *Registry) Failures() []Failure {
	kept := make([]*numbered, 0, keptFailures)
	for i := range r.failures.ring {
		if n := r.failures.ring[i].Load(); n != nil {
			kept = append(kept, n)
		}
	}
	slices.SortFunc(kept, func(a, b *numbered) int { return cmp.Compare(b.number, a.number) })
	all := make([]Failure, len(kept))
	for i, n := range kept {
		all[i] = n.Failure
	}
	return all
}
