package live

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
)

// Registry knows the live sessions of every configuration that has it among its
// Hooks. The zero value is ready. All methods are safe for concurrent use. It
// must not be copied once it is in use.
type Registry struct {
	sessions sync.Map // of *entry by ID; a read locks nobody out
	phases   [fsm.Closed + 1]phase
	failures failures
	token    token
}

var (
	_ events.LifeHook  = (*Registry)(nil)
	_ events.EventHook = (*Registry)(nil)
)

// entry is one live session.
type entry struct {
	handle  events.Handle
	state   atomic.Uint32
	aborted atomic.Bool

	// The session's own.
	since time.Time // of the state
	ready bool      // OnConnect was told
}

func (e *entry) in() fsm.State { return fsm.State(e.state.Load()) }

// LifeStart is for the session.
func (r *Registry) LifeStart(_ context.Context, h events.Handle) {
	e := &entry{handle: h}
	e.state.Store(uint32(h.Snapshot().State))
	r.sessions.Store(h.ID, e)
}

// LifeEnd is for the session.
func (r *Registry) LifeEnd(_ context.Context, h events.Handle) { r.sessions.Delete(h.ID) }

// Kinds is for the session.
func (r *Registry) Kinds() events.Mask {
	return events.MaskOf(events.KindStateChange, events.KindConnect, events.KindRetry, events.KindError, events.KindDisconnect,
		events.KindMessage, events.KindAuthenticate, events.KindCommand)
}

// Event is for the session.
func (r *Registry) Event(_ context.Context, e events.Event) {
	known, ok := r.sessions.Load(e.Head().Session)
	if !ok { // closed without a life
		return
	}
	s := known.(*entry)
	switch e := e.(type) {
	case events.OnStateChange:
		if timed(e.From) {
			r.phases[e.From].add(e.Time.Sub(s.since))
		}
		s.since = e.Time
		s.state.Store(uint32(e.To))
	case events.OnConnect:
		s.ready = true
	case events.OnRetry:
		r.failures.add(s, e, e.Err)
	case events.OnError:
		r.failures.add(s, e, e.Err)
	case events.OnDisconnect:
		if s.ready { // before, OnRetry or OnError tells the same
			r.failures.add(s, e, e.Err)
		}
	case events.OnMessage:
		r.failures.add(s, e, e.Err)
	case events.OnAuthenticate:
		r.failures.add(s, e, e.Err)
	case events.OnCommand:
		r.failures.add(s, e, e.Err)
	case events.OnResolve, events.OnDial, events.OnGreeting, events.OnHello, events.OnSecure, events.OnRecipient, events.OnProgress,
		events.OnTimeout, events.OnCancel, events.Lagged: // not asked for
	}
}

// entries returns the live sessions that pick likes, in order of ID.
func (r *Registry) entries(pick func(*entry) bool) []*entry {
	var all []*entry
	for _, v := range r.sessions.Range {
		if e := v.(*entry); pick(e) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.handle.ID, b.handle.ID) })
	return all
}

// Sessions returns the live sessions in order of ID, each as it was at some
// moment of the call.
func (r *Registry) Sessions() []events.Snapshot {
	entries := r.entries(func(*entry) bool { return true })
	all := make([]events.Snapshot, len(entries))
	for i, e := range entries {
		all[i] = e.handle.Snapshot()
	}
	return all
}

// Counts returns how many sessions are live in each state; the states of none
// are left out.
func (r *Registry) Counts() map[fsm.State]int {
	counts := make(map[fsm.State]int)
	for _, v := range r.sessions.Range {
		counts[v.(*entry).in()]++
	}
	return counts
}

// Abort closes the session of that ID, at once and for good, as Session.Close
// does, and does not wait for its end. It reports whether there is such a
// session among the live ones.
func (r *Registry) Abort(id uint64) bool {
	known, ok := r.sessions.Load(id)
	if !ok {
		return false
	}
	e := known.(*entry)
	e.aborted.Store(true)
	_ = e.handle.Close()
	return true
}
