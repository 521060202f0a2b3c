package events

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ehlo-go/ehlo/smtp"
)

// Hooks are for package session: the hooks of a configuration, sorted by what they
// implement. The zero value has none. Safe for any number of sessions. Each method,
// but those of vetoes, calls every hook that is awake, whatever the others do, and
// returns an error of smtp.KindPanic if one panicked.
type Hooks struct {
	life    []gated[LifeHook]
	connect []gated[ConnectHook]
	attempt []gated[AttemptHook]
	phase   []gated[PhaseHook]
	command []gated[CommandHook]
	end     []gated[EndHook]
	event   []eventHook
	miss    []gated[MissHook]
	vetoes  vetoes
	always  Mask // the kinds that hooks want which never sleep
	awake   Mask // those that the others want while they are awake
}

// gated is a hook and what tells whether it sleeps; nil: it never does.
type gated[H any] struct {
	hook H
	gate Sleeper
}

func (g gated[H]) asleep(to Kind) bool { return g.gate != nil && asleep(g.gate, to) }

// asleep asks; a panic is no.
func asleep(gate Sleeper, to Kind) bool {
	defer func() { _ = recover() }()
	return gate.Asleep(to)
}

type eventHook struct {
	gated[EventHook]
	kinds Mask
}

func (e eventHook) wants(k Kind) bool { return e.kinds.Has(k) && !e.asleep(k) }

// SortHooks is for package session: it sorts hooks once, at construction. A value
// that implements no hook interface is an invalid argument.
func SortHooks(hooks []Hook) (Hooks, error) {
	var all Hooks
	for i, h := range hooks {
		if !slices.Contains([]bool{
			all.vetoes.add(h), all.hears(h), add(&all.life, h), add(&all.connect, h), add(&all.attempt, h),
			add(&all.phase, h), add(&all.command, h), add(&all.end, h), add(&all.miss, h),
		}, true) {
			return Hooks{}, smtp.Invalid(fmt.Sprintf(
				"Hooks[%d] has the type %T: want a LifeHook, ConnectHook, AttemptHook, PhaseHook, CommandHook, EndHook, EventHook, MissHook, DialVeto, PeerVeto or SendVeto of package events", i, h))
		}
	}
	return all, nil
}

// add adds h to the list of its kind, and reports whether it is of that kind.
func add[H any](list *[]gated[H], h Hook) bool {
	hook, ok := h.(H)
	if ok {
		gate, _ := h.(Sleeper)
		*list = append(*list, gated[H]{hook, gate})
	}
	return ok
}

// hears adds h if it is an EventHook, and reports whether it is.
func (h *Hooks) hears(hook Hook) bool {
	e, ok := hook.(EventHook)
	if !ok {
		return false
	}
	kinds := e.Kinds()
	if kinds == 0 {
		kinds = All
	}
	gate, sleeps := hook.(Sleeper)
	if sleeps {
		h.awake |= kinds
	} else {
		h.always |= kinds
	}
	h.event = append(h.event, eventHook{gated[EventHook]{e, gate}, kinds})
	return true
}

// WantLives reports whether any hook wants to hear of lives, so that no Handle is
// made for nobody.
func (h *Hooks) WantLives() bool { return len(h.life) > 0 }

// LifeStart tells that a life begins.
func (h *Hooks) LifeStart(ctx context.Context, handle Handle) error {
	_, err := open(ctx, Scopes, h.life, handle, func(l LifeHook, ctx context.Context, handle Handle) context.Context {
		l.LifeStart(ctx, handle)
		return ctx
	})
	return err
}

// LifeEnd tells that it is over.
func (h *Hooks) LifeEnd(ctx context.Context, handle Handle) error {
	return shut(ctx, Scopes, h.life, handle, LifeHook.LifeEnd)
}

// ConnectStart opens the scope of a Connect.
func (h *Hooks) ConnectStart(ctx context.Context, s ConnectStart) (context.Context, error) {
	return open(ctx, Scopes, h.connect, s, ConnectHook.ConnectStart)
}

// ConnectEnd closes it.
func (h *Hooks) ConnectEnd(ctx context.Context, e ConnectEnd) error {
	return shut(ctx, Scopes, h.connect, e, ConnectHook.ConnectEnd)
}

// AttemptStart opens the scope of an attempt.
func (h *Hooks) AttemptStart(ctx context.Context, s AttemptStart) (context.Context, error) {
	return open(ctx, Scopes, h.attempt, s, AttemptHook.AttemptStart)
}

// AttemptEnd closes it.
func (h *Hooks) AttemptEnd(ctx context.Context, e AttemptEnd) error {
	return shut(ctx, Scopes, h.attempt, e, AttemptHook.AttemptEnd)
}

// PhaseStart opens the scope of a phase.
func (h *Hooks) PhaseStart(ctx context.Context, s PhaseStart) (context.Context, error) {
	return open(ctx, Scopes, h.phase, s, PhaseHook.PhaseStart)
}

// PhaseEnd closes it.
func (h *Hooks) PhaseEnd(ctx context.Context, e PhaseEnd) error {
	return shut(ctx, Scopes, h.phase, e, PhaseHook.PhaseEnd)
}

// CommandStart opens the scope of a command.
func (h *Hooks) CommandStart(ctx context.Context, s CommandStart) (context.Context, error) {
	return open(ctx, Commands, h.command, s, CommandHook.CommandStart)
}

// CommandEnd closes it.
func (h *Hooks) CommandEnd(ctx context.Context, e CommandEnd) error {
	return shut(ctx, Commands, h.command, e, CommandHook.CommandEnd)
}

// LifeOver tells the end of a life.
func (h *Hooks) LifeOver(ctx context.Context, e LifeOver) error {
	return shut(ctx, Scopes, h.end, e, EndHook.LifeOver)
}

// Want reports whether any hook wants events of kind k.
func (h *Hooks) Want(k Kind) bool {
	return h.always.Has(k) || h.awake.Has(k) && slices.ContainsFunc(h.event, func(e eventHook) bool { return e.wants(k) })
}

// Event gives an event to the hooks that want its kind.
func (h *Hooks) Event(ctx context.Context, e Event) (failed error) {
	var scope *Scope
	for _, hook := range h.event {
		if !hook.wants(e.Kind()) {
			continue
		}
		if scope == nil {
			scope, ctx = scoped(ctx)
		}
		failed = join(failed, scope.call(hook.hook, func() { hook.hook.Event(ctx, e) }))
	}
	return failed
}

// EventsMissed tells how many events channels have missed, if any.
func (h *Hooks) EventsMissed(ctx context.Context, n uint64) error {
	if n == 0 {
		return nil
	}
	return shut(ctx, Scopes, h.miss, n, MissHook.EventsMissed)
}

// open calls the Start of every hook in order, each with the context that the
// one before returned.
func open[H, S any](ctx context.Context, to Kind, hooks []gated[H], s S, start func(H, context.Context, S) context.Context) (_ context.Context, failed error) {
	var scope *Scope
	for _, h := range hooks {
		if h.asleep(to) {
			continue
		}
		if scope == nil {
			scope, ctx = scoped(ctx)
		}
		var inside context.Context
		failed = join(failed, scope.call(h.hook, func() { inside = start(h.hook, ctx, s) }))
		if inside != nil {
			scope, ctx = nil, inside // it may be a context of the hook's own
		}
	}
	return ctx, failed
}

// shut calls the End of every hook in reverse order.
func shut[H, E any](ctx context.Context, to Kind, hooks []gated[H], e E, end func(H, context.Context, E)) (failed error) {
	var scope *Scope
	for _, h := range slices.Backward(hooks) {
		if h.asleep(to) {
			continue
		}
		if scope == nil {
			scope, ctx = scoped(ctx)
		}
		failed = join(failed, scope.call(h.hook, func() { end(h.hook, ctx, e) }))
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
