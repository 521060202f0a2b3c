package events

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Scope is for package session: a context that knows whether a hook is being called
// with it, or with a context made from it. A session has one for its connect, and
// one for what no caller asks for later, so that to mark those costs nothing more.
type Scope struct {
	context.Context
	calls atomic.Int32
}

// NewScope is for package session: it returns a Scope around ctx.
func NewScope(ctx context.Context) *Scope { return &Scope{Context: ctx} }

type scopeKey struct{}

// Value returns what the context inside holds for key.
func (s *Scope) Value(key any) any {
	if key == (scopeKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// scopeOf returns the innermost Scope of ctx, nil if there is none.
func scopeOf(ctx context.Context) *Scope {
	s, _ := ctx.Value(scopeKey{}).(*Scope)
	return s
}

// scoped returns the innermost Scope of ctx and a context that has one: a new
// one around ctx if there was none.
func scoped(ctx context.Context) (*Scope, context.Context) {
	if s := scopeOf(ctx); s != nil {
		return s, ctx
	}
	s := NewScope(ctx)
	return s, s
}

// call calls a method of a hook, marks the scope meanwhile, and turns a panic into
// an error.
func (s *Scope) call(hook any, method func()) error {
	s.calls.Add(1)
	defer s.calls.Add(-1)
	return guarded(func() string { return fmt.Sprintf("hook %T", hook) }, method)
}

// InHook is for package session: it reports whether a hook is being called with
// ctx, so that a call that waits for the session would wait for itself.
func InHook(ctx context.Context) bool {
	s := scopeOf(ctx)
	return s != nil && s.calls.Load() > 0
}

// Inside is for package session: it returns a context around ctx for a call of the
// program's own, such as an authenticator, and what ends the call: until then InHook
// is true of the context.
func Inside(ctx context.Context) (inside context.Context, leave func()) {
	s := NewScope(ctx)
	s.calls.Add(1)
	return s, func() { s.calls.Add(-1) }
}
