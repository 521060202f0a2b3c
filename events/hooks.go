package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/ehlo-go/ehlo/smtp"
)

// Hooks are the hooks of a configuration, sorted by what they implement. The
// zero value has none. Safe for any number of sessions. Each method calls every
// hook, whatever the others do, and returns an error of smtp.KindPanic if one
// panicked.
type Hooks struct {
	life    []LifeHook
	connect []ConnectHook
	attempt []AttemptHook
	phase   []PhaseHook
	command []CommandHook
	end     []EndHook
	event   []eventHook
	miss    []MissHook
	mask    Mask
	gated   []gated
	always  int // hooks of commands that are not gated
	vetoes  vetoes
	sleeper Sleeper // the only hook
}

type eventHook struct {
	EventHook
	kinds Mask
}

// gated is a hook that may want nothing for now. It is asked before anything is
// made for it.
type gated interface {
	wantsEvent(k Kind) bool
	wantsCommand() bool
}

// SortHooks sorts hooks once, at construction. A value that implements no hook
// interface is an invalid argument.
func SortHooks(hooks []Hook) (Hooks, error) {
	var all Hooks
	for i, h := range hooks {
		known := all.vetoes.add(h)
		gate, asked := h.(gated)
		if asked {
			all.gated = append(all.gated, gate)
		}
		if l, ok := h.(LifeHook); ok {
			all.life, known = append(all.life, l), true
		}
		if c, ok := h.(ConnectHook); ok {
			all.connect, known = append(all.connect, c), true
		}
		if a, ok := h.(AttemptHook); ok {
			all.attempt, known = append(all.attempt, a), true
		}
		if p, ok := h.(PhaseHook); ok {
			all.phase, known = append(all.phase, p), true
		}
		if c, ok := h.(CommandHook); ok {
			all.command, known = append(all.command, c), true
			if !asked {
				all.always++
			}
		}
		if e, ok := h.(EndHook); ok {
			all.end, known = append(all.end, e), true
		}
		if e, ok := h.(EventHook); ok {
			kinds := e.Kinds()
			if kinds == 0 {
				kinds = All
			}
			all.event, known = append(all.event, eventHook{e, kinds}), true
			if !asked {
				all.mask |= kinds
			}
		}
		if m, ok := h.(MissHook); ok {
			all.miss, known = append(all.miss, m), true
		}
		if !known {
			return Hooks{}, smtp.Invalid(fmt.Sprintf(
				"Hooks[%d] has the type %T: want a LifeHook, ConnectHook, AttemptHook, PhaseHook, CommandHook, EndHook, EventHook, MissHook, DialVeto, PeerVeto or SendVeto of package events", i, h))
		}
	}
	if len(hooks) == 1 && all.mask == 0 {
		all.sleeper, _ = hooks[0].(Sleeper)
	}
	return all, nil
}

// asleep reports that no hook would do anything.
func (h *Hooks) asleep() bool { return h.sleeper != nil && h.sleeper.Asleep() }

// WantLives reports whether any hook wants to hear of lives, so that no Handle is
// made for nobody.
func (h *Hooks) WantLives() bool { return len(h.life) > 0 }

// LifeStart tells that a life begins.
func (h *Hooks) LifeStart(ctx context.Context, handle Handle) error {
	_, err := open(ctx, h.life, handle, func(l LifeHook, ctx context.Context, handle Handle) context.Context {
		l.LifeStart(ctx, handle)
		return ctx
	})
	return err
}

// LifeEnd tells that it is over.
func (h *Hooks) LifeEnd(ctx context.Context, handle Handle) error {
	return shut(ctx, h.life, handle, LifeHook.LifeEnd)
}

// ConnectStart opens the scope of a Connect.
func (h *Hooks) ConnectStart(ctx context.Context, s ConnectStart) (context.Context, error) {
	if h.asleep() {
		return ctx, nil
	}
	return open(ctx, h.connect, s, ConnectHook.ConnectStart)
}

// ConnectEnd closes it.
func (h *Hooks) ConnectEnd(ctx context.Context, e ConnectEnd) error {
	if h.asleep() {
		return nil
	}
	return shut(ctx, h.connect, e, ConnectHook.ConnectEnd)
}

// AttemptStart opens the scope of an attempt.
func (h *Hooks) AttemptStart(ctx context.Context, s AttemptStart) (context.Context, error) {
	if h.asleep() {
		return ctx, nil
	}
	return open(ctx, h.attempt, s, AttemptHook.AttemptStart)
}

// AttemptEnd closes it.
func (h *Hooks) AttemptEnd(ctx context.Context, e AttemptEnd) error {
	if h.asleep() {
		return nil
	}
	return shut(ctx, h.attempt, e, AttemptHook.AttemptEnd)
}

// PhaseStart opens the scope of a phase.
func (h *Hooks) PhaseStart(ctx context.Context, s PhaseStart) (context.Context, error) {
	if h.asleep() {
		return ctx, nil
	}
	return open(ctx, h.phase, s, PhaseHook.PhaseStart)
}

// PhaseEnd closes it.
func (h *Hooks) PhaseEnd(ctx context.Context, e PhaseEnd) error {
	if h.asleep() {
		return nil
	}
	return shut(ctx, h.phase, e, PhaseHook.PhaseEnd)
}

// CommandStart opens the scope of a command.
func (h *Hooks) CommandStart(ctx context.Context, s CommandStart) (context.Context, error) {
	if h.asleep() || !h.wantCommand() {
		return ctx, nil
	}
	return open(ctx, h.command, s, CommandHook.CommandStart)
}

// CommandEnd closes it.
func (h *Hooks) CommandEnd(ctx context.Context, e CommandEnd) error {
	if h.asleep() || !h.wantCommand() {
		return nil
	}
	return shut(ctx, h.command, e, CommandHook.CommandEnd)
}

// LifeOver tells the end of a life.
func (h *Hooks) LifeOver(ctx context.Context, e LifeOver) error {
	if h.asleep() {
		return nil
	}
	return shut(ctx, h.end, e, EndHook.LifeOver)
}

// Want reports whether any hook wants events of kind k.
func (h *Hooks) Want(k Kind) bool { return h.mask.Has(k) || h.gated != nil && h.wantGated(k) }

func (h *Hooks) wantGated(k Kind) bool {
	for _, g := range h.gated {
		if g.wantsEvent(k) {
			return true
		}
	}
	return false
}

// wantCommand reports whether any hook wants to hear of commands.
func (h *Hooks) wantCommand() bool {
	if h.always > 0 {
		return true
	}
	for _, g := range h.gated {
		if g.wantsCommand() {
			return true
		}
	}
	return false
}

// Event gives an event to the hooks that want its kind.
func (h *Hooks) Event(ctx context.Context, e Event) (err error) {
	if !h.Want(e.Kind()) {
		return nil
	}
	scope := scopeOf(ctx)
	if scope == nil {
		scope = NewScope(ctx)
		ctx = scope
	}
	for i := range h.event {
		if h.event[i].kinds.Has(e.Kind()) {
			err = join(err, guard(scope, h.event[i].EventHook, ctx, e, EventHook.Event))
		}
	}
	return err
}

// EventsMissed tells how many events channels have missed, if any.
func (h *Hooks) EventsMissed(ctx context.Context, n uint64) error {
	if n == 0 || h.asleep() {
		return nil
	}
	return shut(ctx, h.miss, n, MissHook.EventsMissed)
}

// open calls the Start of every hook in order, each with the context that the
// one before returned.
func open[H, S any](ctx context.Context, hooks []H, s S, start func(H, context.Context, S) context.Context) (_ context.Context, failed error) {
	if len(hooks) == 0 {
		return ctx, nil
	}
	scope := scopeOf(ctx)
	inside := ctx
	if scope == nil {
		scope = NewScope(ctx)
		inside = scope
	}
	for _, h := range hooks {
		c, err := begin(scope, h, inside, s, start)
		failed = join(failed, err)
		if c != nil {
			inside = c
		}
		if scopeOf(inside) == nil { // a context of the hook's own
			scope = NewScope(inside)
			inside = scope
		}
	}
	return inside, failed
}

// shut calls the End of every hook in reverse order.
func shut[H, E any](ctx context.Context, hooks []H, e E, end func(H, context.Context, E)) (failed error) {
	if len(hooks) == 0 {
		return nil
	}
	scope := scopeOf(ctx)
	if scope == nil {
		scope = NewScope(ctx)
		ctx = scope
	}
	for i := len(hooks) - 1; i >= 0; i-- {
		failed = join(failed, guard(scope, hooks[i], ctx, e, end))
	}
	return failed
}

// join is errors.Join that allocates only for errors.
func join(a, b error) error {
	if a == nil {
		return b
	}
	return errors.Join(a, b)
}

// begin calls the Start of one hook.
func begin[H, S any](scope *Scope, h H, ctx context.Context, s S, start func(H, context.Context, S) context.Context) (inside context.Context, err error) {
	defer contain(h, &err)
	scope.calls.Add(1)
	defer scope.calls.Add(-1)
	return start(h, ctx, s), nil
}

// guard calls an End, or an EventHook.
func guard[H, X any](scope *Scope, h H, ctx context.Context, x X, f func(H, context.Context, X)) (err error) {
	defer contain(h, &err)
	scope.calls.Add(1)
	defer scope.calls.Add(-1)
	f(h, ctx, x)
	return nil
}

// contain turns a panic of a hook into an error. It is deferred.
func contain[H any](h H, err *error) {
	if v := recover(); v != nil {
		*err = &smtp.Error{Kind: smtp.KindPanic, Err: NewPanicError(fmt.Sprintf("hook %T", h), v)}
	}
}
