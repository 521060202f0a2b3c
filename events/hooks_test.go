package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// tracer is a hook of every kind. It notes each call, whether its context is
// marked, and what the contexts of the scopes around it hold.
type tracer struct {
	name  string
	log   *[]string
	kinds Mask
	with  func(context.Context) context.Context // what Start makes of its context; nil: adds its name
	panic map[string]any                        // by what was called
}

type traceKey struct{}

func path(ctx context.Context) string { s, _ := ctx.Value(traceKey{}).(string); return s }

func (h *tracer) note(ctx context.Context, what string) {
	*h.log = append(*h.log, fmt.Sprintf("%s %s in [%s]", h.name, what, path(ctx)))
	if !InHook(ctx) {
		*h.log = append(*h.log, h.name+" "+what+": not marked")
	}
	if v, ok := h.panic[what]; ok {
		panic(v)
	}
}

func (h *tracer) start(ctx context.Context, what string) context.Context {
	h.note(ctx, what)
	if h.with != nil {
		return h.with(ctx)
	}
	return context.WithValue(ctx, traceKey{}, path(ctx)+"/"+h.name+what)
}

func (h *tracer) ConnectStart(ctx context.Context, s ConnectStart) context.Context {
	return h.start(ctx, fmt.Sprintf("Connect%d", s.Port))
}
func (h *tracer) ConnectEnd(ctx context.Context, e ConnectEnd) {
	h.note(ctx, fmt.Sprintf("ConnectEnd%d", e.Attempts))
}
func (h *tracer) AttemptStart(ctx context.Context, s AttemptStart) context.Context {
	return h.start(ctx, fmt.Sprintf("Attempt%d", s.Attempt))
}
func (h *tracer) AttemptEnd(ctx context.Context, e AttemptEnd) {
	h.note(ctx, fmt.Sprintf("AttemptEnd%d", e.Attempt))
}
func (h *tracer) PhaseStart(ctx context.Context, s PhaseStart) context.Context {
	return h.start(ctx, fmt.Sprintf("Phase-%v", s.Phase))
}
func (h *tracer) PhaseEnd(ctx context.Context, e PhaseEnd) {
	h.note(ctx, fmt.Sprintf("PhaseEnd-%v", e.Phase))
}
func (h *tracer) CommandStart(ctx context.Context, s CommandStart) context.Context {
	return h.start(ctx, "Command"+s.Verb)
}
func (h *tracer) CommandEnd(ctx context.Context, e CommandEnd) { h.note(ctx, "CommandEnd"+e.Verb) }
func (h *tracer) Kinds() Mask                                  { return h.kinds }
func (h *tracer) Event(ctx context.Context, e Event)           { h.note(ctx, e.Kind().String()) }

// scope is the pair of methods of one scope.
type scope struct {
	name, end string
	open      func(*Hooks, context.Context) (context.Context, error)
	shut      func(*Hooks, context.Context) error
}

func scopes() []scope {
	return []scope{
		{"Connect25", "ConnectEnd2",
			func(h *Hooks, ctx context.Context) (context.Context, error) {
				return h.ConnectStart(ctx, ConnectStart{Port: 25})
			},
			func(h *Hooks, ctx context.Context) error { return h.ConnectEnd(ctx, ConnectEnd{Attempts: 2}) }},
		{"Attempt3", "AttemptEnd4",
			func(h *Hooks, ctx context.Context) (context.Context, error) {
				return h.AttemptStart(ctx, AttemptStart{Attempt: 3})
			},
			func(h *Hooks, ctx context.Context) error { return h.AttemptEnd(ctx, AttemptEnd{Attempt: 4}) }},
		{"Phase-dial", "PhaseEnd-ehlo",
			func(h *Hooks, ctx context.Context) (context.Context, error) {
				return h.PhaseStart(ctx, PhaseStart{Phase: fsm.Dial})
			},
			func(h *Hooks, ctx context.Context) error { return h.PhaseEnd(ctx, PhaseEnd{Phase: fsm.Ehlo}) }},
		{"CommandEHLO", "CommandEndHELO",
			func(h *Hooks, ctx context.Context) (context.Context, error) {
				return h.CommandStart(ctx, CommandStart{Verb: "EHLO"})
			},
			func(h *Hooks, ctx context.Context) error { return h.CommandEnd(ctx, CommandEnd{Verb: "HELO"}) }},
	}
}

func sorted(t *testing.T, hooks ...Hook) *Hooks {
	t.Helper()
	h, err := SortHooks(hooks)
	if err != nil {
		t.Fatal(err)
	}
	return &h
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestHooks_StartInOrderEndInReverseContextThreaded(t *testing.T) {
	for _, sc := range scopes() {
		t.Run(sc.name, func(t *testing.T) {
			var log []string
			h := sorted(t, &tracer{name: "a", log: &log}, &tracer{name: "b", log: &log}, &tracer{name: "c", log: &log})
			outer := context.WithValue(t.Context(), traceKey{}, "caller")
			ctx, err := sc.open(h, outer)
			if err != nil {
				t.Fatal(err)
			}
			full := "caller/a" + sc.name + "/b" + sc.name + "/c" + sc.name
			if path(ctx) != full {
				t.Errorf("what is inside gets [%s], want [%s]", path(ctx), full)
			}
			if err := sc.shut(h, ctx); err != nil {
				t.Fatal(err)
			}
			same(t, log,
				"a "+sc.name+" in [caller]", "b "+sc.name+" in [caller/a"+sc.name+"]", "c "+sc.name+" in [caller/a"+sc.name+"/b"+sc.name+"]",
				"c "+sc.end+" in ["+full+"]", "b "+sc.end+" in ["+full+"]", "a "+sc.end+" in ["+full+"]")
		})
	}
}

func TestHooks_ScopesNest(t *testing.T) {
	var log []string
	h := sorted(t, &tracer{name: "a", log: &log})
	all := scopes()
	contexts := []context.Context{t.Context()}
	for i, sc := range all {
		ctx, _ := sc.open(h, contexts[i])
		contexts = append(contexts, ctx)
	}
	for i := len(all) - 1; i >= 0; i-- {
		_ = all[i].shut(h, contexts[i+1])
	}
	const c, a, p, x = "/aConnect25", "/aAttempt3", "/aPhase-dial", "/aCommandEHLO"
	same(t, log,
		"a Connect25 in []", "a Attempt3 in ["+c+"]", "a Phase-dial in ["+c+a+"]", "a CommandEHLO in ["+c+a+p+"]",
		"a CommandEndHELO in ["+c+a+p+x+"]", "a PhaseEnd-ehlo in ["+c+a+p+"]", "a AttemptEnd4 in ["+c+a+"]", "a ConnectEnd2 in ["+c+"]")
}

// idle is a hook that does nothing.
type idle struct{}

func (idle) PhaseStart(ctx context.Context, _ PhaseStart) context.Context { return ctx }
func (idle) PhaseEnd(context.Context, PhaseEnd)                           {}

func TestHooks_InHookInsideAHookOnly(t *testing.T) {
	if InHook(t.Context()) {
		t.Error("a plain context is marked")
	}
	stored := context.WithValue(t.Context(), traceKey{}, "stored")
	for name, with := range map[string]func(context.Context) context.Context{
		"adds a value":         nil,
		"returns what it got":  func(ctx context.Context) context.Context { return ctx },
		"returns nil":          func(context.Context) context.Context { return nil },
		"returns its own":      func(context.Context) context.Context { return stored },
		"drops the cancelling": context.WithoutCancel,
	} {
		t.Run(name, func(t *testing.T) {
			for _, sc := range scopes() {
				var log []string // tracer notes an unmarked context here
				h := sorted(t, &tracer{name: "a", log: &log, with: with}, &tracer{name: "b", log: &log, with: with})
				ctx, err := sc.open(h, t.Context())
				if err != nil || ctx == nil || InHook(ctx) {
					t.Fatalf("%s: what is inside gets %v, marked %v, %v", sc.name, ctx, ctx != nil && InHook(ctx), err)
				}
				if err := sc.shut(h, ctx); err != nil || InHook(ctx) {
					t.Fatalf("%s: %v", sc.name, err)
				}
				if err := h.Event(ctx, OnRetry{}); err != nil {
					t.Fatal(err)
				}
				if len(log) != 6 {
					t.Errorf("%s: %q", sc.name, log)
				}
			}
		})
	}
	// A hook that hands the context on makes nothing of it.
	var log []string
	h := sorted(t, &tracer{log: &log, with: func(ctx context.Context) context.Context { return ctx }})
	scope := NewScope(t.Context())
	if ctx, _ := h.PhaseStart(scope, PhaseStart{}); ctx != context.Context(scope) {
		t.Errorf("%v", ctx)
	}
	quiet := sorted(t, idle{})
	if n := testing.AllocsPerRun(100, func() {
		ctx, err := quiet.PhaseStart(scope, PhaseStart{})
		if err != nil || quiet.PhaseEnd(ctx, PhaseEnd{}) != nil {
			t.Error("a hook that does nothing failed")
		}
	}); n != 0 {
		t.Errorf("a hook inside a Scope costs %v allocations", n)
	}
}

func TestHooks_H23_PanicIsContainedAndTheOthersAreCalled(t *testing.T) {
	cause := errors.New("boom\x1b")
	for _, sc := range scopes() {
		t.Run(sc.name, func(t *testing.T) {
			var log []string
			bad := map[string]any{sc.name: cause, sc.end: "bang"}
			h := sorted(t, &tracer{name: "a", log: &log}, &tracer{name: "b", log: &log, panic: bad}, &tracer{name: "c", log: &log})
			ctx, err := sc.open(h, t.Context())
			isPanic(t, err, "boom")
			if path(ctx) != "/a"+sc.name+"/c"+sc.name || InHook(ctx) {
				t.Errorf("what is inside gets [%s], marked %v", path(ctx), InHook(ctx))
			}
			isPanic(t, sc.shut(h, ctx), "bang")
			full := "/a" + sc.name + "/c" + sc.name
			same(t, log,
				"a "+sc.name+" in []", "b "+sc.name+" in [/a"+sc.name+"]", "c "+sc.name+" in [/a"+sc.name+"]",
				"c "+sc.end+" in ["+full+"]", "b "+sc.end+" in ["+full+"]", "a "+sc.end+" in ["+full+"]")
		})
	}
	t.Run("Event", func(t *testing.T) {
		var log []string
		bad := map[string]any{"OnRetry": 42}
		h := sorted(t, &tracer{name: "a", log: &log, panic: bad}, &tracer{name: "b", log: &log, panic: bad}, &tracer{name: "c", log: &log})
		isPanic(t, h.Event(t.Context(), OnRetry{}), "42")
		same(t, log, "a OnRetry in []", "b OnRetry in []", "c OnRetry in []")
	})
}

func isPanic(t *testing.T, err error, value string) {
	t.Helper()
	var e *smtp.Error
	var p *smtp.PanicError
	if !errors.Is(err, smtp.ErrPanic) || !errors.As(err, &e) || e.Kind != smtp.KindPanic || !errors.As(err, &p) {
		t.Fatalf("%v is no panic", err)
	}
	if p.Where != "hook *events.tracer" || !strings.HasPrefix(p.Value, value) || !strings.Contains(string(p.Stack), "hooks_test.go") {
		t.Errorf("%q panicked with %q, stack of %d", p.Where, p.Value, len(p.Stack))
	}
	if text := e.Error(); !strings.Contains(text, "hook *events.tracer panicked: "+value) || strings.Contains(text, "\x1b") {
		t.Errorf("%q", text)
	}
}

func TestHooks_EventsGoToThoseThatNamedTheKindInOrder(t *testing.T) {
	var log []string
	h := sorted(t,
		&tracer{name: "all", log: &log},
		&tracer{name: "retry", log: &log, kinds: MaskOf(KindRetry)},
		&tracer{name: "dial", log: &log, kinds: MaskOf(KindDial, KindRetry)})
	for _, e := range []Event{OnRetry{}, OnDial{}, OnError{}} {
		if !h.Want(e.Kind()) {
			t.Errorf("%v is not wanted", e.Kind())
		}
		if err := h.Event(context.WithValue(t.Context(), traceKey{}, "x"), e); err != nil {
			t.Error(err)
		}
	}
	same(t, log,
		"all OnRetry in [x]", "retry OnRetry in [x]", "dial OnRetry in [x]",
		"all OnDial in [x]", "dial OnDial in [x]",
		"all OnError in [x]")
	one := sorted(t, &tracer{log: &log, kinds: MaskOf(KindRetry)})
	for _, k := range Kinds() {
		if one.Want(k) != (k == KindRetry) {
			t.Errorf("Want(%v) = %v", k, one.Want(k))
		}
	}
}

type (
	onlyConnect struct{ ConnectHook }
	onlyAttempt struct{ AttemptHook }
	onlyPhase   struct{ PhaseHook }
	onlyCommand struct{ CommandHook }
	onlyEvent   struct{ EventHook }
)

func TestSortHooks_EachInterfaceAlone(t *testing.T) {
	var log []string
	full := &tracer{name: "a", log: &log}
	for i, hook := range []Hook{onlyConnect{full}, onlyAttempt{full}, onlyPhase{full}, onlyCommand{full}} {
		h := sorted(t, hook)
		log = nil
		for _, sc := range scopes() {
			ctx, err := sc.open(h, t.Context())
			if err != nil || sc.shut(h, ctx) != nil {
				t.Fatal(err)
			}
		}
		sc := scopes()[i]
		same(t, log, "a "+sc.name+" in []", "a "+sc.end+" in [/a"+sc.name+"]")
		if h.Want(KindRetry) {
			t.Errorf("%T: an event is wanted", hook)
		}
	}
	h := sorted(t, onlyEvent{full})
	if !h.Want(KindRetry) {
		t.Error("EventHook: no event is wanted")
	}
}

// half has one method of a pair.
type half struct{}

func (half) PhaseStart(ctx context.Context, _ PhaseStart) context.Context { return ctx }

func TestSortHooks_RefusesAValueThatIsNoHook(t *testing.T) {
	var log []string
	good := &tracer{log: &log}
	for name, bad := range map[string]Hook{"<nil>": nil, "int": 1, "events.half": half{}, "*events.Handlers": &Handlers{}, "events.tracer": *good} {
		h, err := SortHooks([]Hook{good, bad})
		if !errors.Is(err, smtp.ErrInvalid) || !strings.Contains(err.Error(), "Hooks[1] has the type "+name+":") {
			t.Errorf("%s: %v", name, err)
		}
		if h.Want(KindRetry) {
			t.Errorf("%s: refused and sorted", name)
		}
	}
	if _, err := SortHooks(nil); err != nil {
		t.Errorf("none: %v", err)
	}
}

func TestHooks_NoneAllocateNothing(t *testing.T) {
	h := sorted(t)
	ctx := t.Context()
	all := scopes()
	var e Event = OnRetry{}
	if n := testing.AllocsPerRun(100, func() {
		for _, sc := range all {
			inside, err := sc.open(h, ctx)
			if inside != ctx || err != nil || sc.shut(h, inside) != nil {
				t.Error("without hooks something happened")
			}
		}
		if h.Event(ctx, e) != nil || h.Want(KindRetry) {
			t.Error("without hooks something is wanted")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
