package events_test

import (
	"context"
	"testing"

	"github.com/ehlo-go/ehlo/events"
)

// drowsy counts its calls, and sleeps or does not.
type drowsy struct {
	asleep bool
	calls  int
}

func (d *drowsy) Asleep() bool { return d.asleep }

func (d *drowsy) CommandStart(ctx context.Context, _ events.CommandStart) context.Context {
	d.calls++
	return ctx
}

func (d *drowsy) CommandEnd(context.Context, events.CommandEnd) { d.calls++ }

func (d *drowsy) LifeOver(context.Context, events.LifeOver) { d.calls++ }

func TestSleeper_IsLeftAloneWhileItIsTheOnlyHook(t *testing.T) {
	for _, c := range []struct {
		asleep, others bool
		want           int
	}{{true, false, 0}, {false, false, 3}, {true, true, 3}} {
		d := &drowsy{asleep: c.asleep}
		hooks := []events.Hook{d}
		if c.others {
			hooks = append(hooks, &drowsy{})
		}
		all, err := events.SortHooks(hooks)
		if err != nil {
			t.Fatal(err)
		}
		tell := func() {
			ctx, err := all.CommandStart(context.Background(), events.CommandStart{})
			if err != nil || all.CommandEnd(ctx, events.CommandEnd{}) != nil || all.LifeOver(ctx, events.LifeOver{}) != nil {
				t.Error(err)
			}
		}
		tell()
		if d.calls != c.want {
			t.Errorf("%+v: %d calls", c, d.calls)
		}
		if n := testing.AllocsPerRun(100, tell); c.want == 0 && n != 0 {
			t.Errorf("%v allocations while it sleeps", n)
		}
	}
}
