package events

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

// unprintable panics with itself when it is printed, which fmt does not contain.
type unprintable struct{}

func (u unprintable) Error() string { panic(u) }

type bomb struct{}

func (bomb) EventsMissed(context.Context, uint64)     { panic(unprintable{}) }
func (bomb) BeforeDial(context.Context, Target) error { panic(unprintable{}) }

func TestHostile_H23_AValueThatCannotBePrintedIsContained(t *testing.T) {
	hooks := sorted(t, bomb{})
	for what, err := range map[string]error{
		"hook":     hooks.EventsMissed(t.Context(), 1),
		"veto":     hooks.BeforeDial(t.Context(), Target{}),
		"callback": (&Handlers{OnDial: func(OnDial) { panic(unprintable{}) }, OnPanic: func(Event, error) {}}).Handle(OnDial{}),
	} {
		if !errors.Is(err, smtp.ErrPanic) || !strings.HasSuffix(err.Error(), "panicked: events.unprintable") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Nobody reads what `go h.Dispatch(ch)` returns: the log is told of both.
func TestHandlers_APanicOfOnPanicIsLogged(t *testing.T) {
	var log strings.Builder
	logTo(t, slog.NewTextHandler(&log, nil))
	h := Handlers{OnDial: func(OnDial) { panic("boom of dial") }, OnPanic: func(Event, error) { panic("boom of OnPanic") }}
	err := h.Handle(event(KindDial, 3))
	for _, want := range []string{"callback OnDial panicked: boom of dial", "callback OnPanic panicked: boom of OnPanic"} {
		if !strings.Contains(err.Error(), want) || strings.Count(log.String(), want) != 1 {
			t.Errorf("want %q once: %v; the log got %q", want, err, log.String())
		}
	}
	if n := strings.Count(log.String(), "panic_test.go"); n < 2 || strings.Count(log.String(), "smtp.session.id=7") != 2 {
		t.Errorf("%d stacks: %q", n, log.String())
	}
}

// failing is a slog.Handler that panics.
type failing struct{ slog.Handler }

func (failing) Handle(context.Context, slog.Record) error { panic("boom of the log") }

func TestHandlers_APanicOfTheLogIsContained(t *testing.T) {
	logTo(t, failing{slog.NewTextHandler(io.Discard, nil)})
	for _, onPanic := range []func(Event, error){nil, func(Event, error) { panic("again") }} {
		h := Handlers{OnDial: func(OnDial) { panic("boom of dial") }, OnPanic: onPanic}
		err := h.Handle(OnDial{})
		if !errors.Is(err, smtp.ErrPanic) || !strings.Contains(err.Error(), "boom of dial") || !strings.Contains(err.Error(), "boom of the log") {
			t.Errorf("%v", err)
		}
	}
}

// logTo makes h the handler of slog's default logger for one test.
func logTo(t *testing.T, h slog.Handler) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(h))
}
