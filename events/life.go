package events

import "context"

// LifeHook hears that a session has begun a life, and that the life is over:
// what a registry of live sessions needs. Every LifeStart has its LifeEnd, on
// panic, cancel, Close and refused arguments too, and the lives of one session
// do not overlap.
//
// LifeStart comes before all else of the life. LifeEnd comes after its last
// event and before Done is closed, so that once Done is closed the hook has
// heard. A panic in LifeStart ends the life with an error that says so; one in
// LifeEnd comes too late for that and is contained.
type LifeHook interface {
	LifeStart(ctx context.Context, h Handle)
	LifeEnd(ctx context.Context, h Handle)
}

// Handle is a live session, to look at and to close. Its functions may be called
// from anywhere, from hooks too, at any time, also after the life, and do not
// wait for the session. A Handle that is kept keeps the session's memory.
type Handle struct {
	ID       uint64 // the session's, unique in the process
	Snapshot func() Snapshot
	Close    func() error // Session.Close: at once and for good
}
