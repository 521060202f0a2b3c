package events_test

import (
	"context"
	"slices"
	"testing"

	"github.com/ehlo-go/ehlo/events"
)

// drowsy counts its calls, and sleeps to some.
type drowsy struct {
	asleep func(to events.Kind) bool
	calls  int
}

func (d *drowsy) Asleep(to events.Kind) bool { return d.asleep(to) }

func (d *drowsy) ConnectStart(ctx context.Context, _ events.ConnectStart) context.Context {
	d.calls++
	return ctx
}
func (d *drowsy) ConnectEnd(context.Context, events.ConnectEnd) { d.calls++ }
func (d *drowsy) CommandStart(ctx context.Context, _ events.CommandStart) context.Context {
	d.calls++
	return ctx
}
func (d *drowsy) CommandEnd(context.Context, events.CommandEnd) { d.calls++ }
func (d *drowsy) LifeOver(context.Context, events.LifeOver)     { d.calls++ }
func (d *drowsy) EventsMissed(context.Context, uint64)          { d.calls++ }
func (d *drowsy) Kinds() events.Mask                            { return events.MaskOf(events.KindDial, events.KindRetry) }
func (d *drowsy) Event(context.Context, events.Event)           { d.calls++ }

// to sleeps to some kinds.
func to(kinds ...events.Kind) func(events.Kind) bool {
	return func(k events.Kind) bool { return slices.Contains(kinds, k) }
}

// tellAll tells hooks four calls of scopes, two of commands, and each event.
func tellAll(t *testing.T, all *events.Hooks) {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	connect, err := all.ConnectStart(ctx, events.ConnectStart{})
	check(err)
	command, err := all.CommandStart(connect, events.CommandStart{})
	check(err)
	check(all.CommandEnd(command, events.CommandEnd{}))
	check(all.Event(connect, events.OnDial{}))
	check(all.Event(connect, events.OnRetry{}))
	check(all.Event(connect, events.OnHello{})) // which it never wants
	check(all.EventsMissed(connect, 1))
	check(all.ConnectEnd(connect, events.ConnectEnd{}))
	check(all.LifeOver(connect, events.LifeOver{}))
}

func TestSleeper_IsLeftOutWhileItSleepsWhateverStandsBesideIt(t *testing.T) {
	for name, c := range map[string]struct {
		asleep func(events.Kind) bool
		calls  int
		dial   bool // wanted
		retry  bool
	}{
		"to all":      {func(events.Kind) bool { return true }, 0, false, false},
		"to nothing":  {func(events.Kind) bool { return false }, 8, true, true},
		"to scopes":   {to(events.Scopes), 4, true, true},
		"to commands": {to(events.Commands), 6, true, true},
		"to a kind":   {to(events.KindDial), 7, false, true},
		"panics":      {func(events.Kind) bool { panic("boom") }, 8, true, true},
	} {
		for _, others := range []int{0, 1} {
			d := &drowsy{asleep: c.asleep}
			awake := &drowsy{asleep: to()}
			all, err := events.SortHooks([]events.Hook{d, awake}[:1+others])
			if err != nil {
				t.Fatal(err)
			}
			tellAll(t, &all)
			if d.calls != c.calls || awake.calls != 8*others {
				t.Errorf("%s: %d calls, want %d; %d of the other %d", name, d.calls, c.calls, awake.calls, others)
			}
			if others == 0 && (all.Want(events.KindDial) != c.dial || all.Want(events.KindRetry) != c.retry || all.Want(events.KindHello)) {
				t.Errorf("%s: what is wanted", name)
			}
		}
	}
}

func TestSleeper_AsleepNothingIsAllocated(t *testing.T) {
	asleep := func(events.Kind) bool { return true }
	all, err := events.SortHooks([]events.Hook{&drowsy{asleep: asleep}, &drowsy{asleep: asleep}})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { tellAll(t, &all) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A hook may wake between a Start and its End.
func TestSleeper_WakesInTheMiddle(t *testing.T) {
	asleep := true
	d := &drowsy{asleep: func(events.Kind) bool { return asleep }}
	all, err := events.SortHooks([]events.Hook{d})
	if err != nil {
		t.Fatal(err)
	}
	ctx, opened := all.ConnectStart(t.Context(), events.ConnectStart{})
	asleep = false
	if opened != nil || all.ConnectEnd(ctx, events.ConnectEnd{}) != nil || d.calls != 1 {
		t.Errorf("%v, %d calls", opened, d.calls)
	}
}

// Scopes and Commands are no events: a filter that names them is as one that does
// not.
func TestKind_ScopesAndCommandsAreInNoMask(t *testing.T) {
	if m := events.MaskOf(events.KindDial, events.Scopes, events.Commands); m != events.MaskOf(events.KindDial) ||
		events.All.Has(events.Scopes) || (^events.Mask(0)).Has(events.Commands) || slices.Contains(events.Kinds(), events.Scopes) {
		t.Errorf("%b", m)
	}
}
