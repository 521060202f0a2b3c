package events

import (
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

// recorder returns Handlers with every callback set; each notes the event it got.
func recorder(got *[]Event) *Handlers {
	var h Handlers
	v := reflect.ValueOf(&h).Elem()
	for typ, field := range v.Fields() {
		if typ.Name == "OnPanic" {
			continue
		}
		field.Set(reflect.MakeFunc(field.Type(), func(args []reflect.Value) []reflect.Value {
			*got = append(*got, args[0].Interface().(Event))
			return nil
		}))
	}
	return &h
}

func TestHandlers_HaveACallbackForEveryKind(t *testing.T) {
	typ := reflect.TypeFor[Handlers]()
	if typ.NumField() != len(Kinds())+1 { // and OnPanic
		t.Errorf("%d callbacks, %d kinds", typ.NumField(), len(Kinds()))
	}
	for _, k := range Kinds() {
		f, ok := typ.FieldByName(k.String())
		if !ok || f.Type != reflect.FuncOf([]reflect.Type{reflect.TypeOf(event(k, 1))}, nil, false) {
			t.Errorf("%v: callback %v, %v", k, f.Type, ok)
		}
	}
}

func TestHandlers_HandleCallsTheOneCallback(t *testing.T) {
	for _, k := range Kinds() {
		var got []Event
		h := recorder(&got)
		e := event(k, 5)
		if err := h.Handle(e); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], e) {
			t.Errorf("%v: %+v", k, got)
		}
		// Only the callback of that name.
		got = nil
		reflect.ValueOf(h).Elem().FieldByName(k.String()).SetZero()
		if err := h.Handle(e); err != nil || len(got) != 0 {
			t.Errorf("%v without its callback went to that of %v: %v", k, got[0].Kind(), err)
		}
		if err := new(Handlers).Handle(e); err != nil {
			t.Error(err)
		}
	}
	if err := new(Handlers).Handle(nil); err != nil {
		t.Error(err)
	}
}

func TestHandlers_KindsAreThoseWithACallback(t *testing.T) {
	if got := (&Handlers{}).Kinds(); got != MaskOf(KindLagged) {
		t.Errorf("none: %b", got)
	}
	var got []Event
	if m := recorder(&got).Kinds(); m != All {
		t.Errorf("every one: %b, want %b", m, All)
	}
	for _, k := range Kinds() {
		all := recorder(&got)
		var h Handlers
		reflect.ValueOf(&h).Elem().FieldByName(k.String()).Set(reflect.ValueOf(all).Elem().FieldByName(k.String()))
		if m := h.Kinds(); m != MaskOf(k, KindLagged) {
			t.Errorf("%v: %b", k, m)
		}
	}
}

func TestHandlers_DispatchUntilTheChannelIsClosedInOrder(t *testing.T) {
	var s sender
	var got []Event
	h := recorder(&got)
	ch, stop := s.Subscribe(Filter{Buffer: 2, Kinds: h.Kinds()}, Header{})
	defer stop()
	s.emit(KindResolve)
	s.emit(KindDial)
	s.emit(KindGreeting)
	s.finish(true)
	if err := h.Dispatch(ch); err != nil { // returns
		t.Error(err)
	}
	names := kindsOf(got)
	if want := []Kind{KindStateChange, KindResolve, KindDial, KindLagged, KindDisconnect}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

// A callback that panics is told of, at once and at the end; the others, and it
// itself, go on.
func TestHandlers_APanicIsContainedAndReported(t *testing.T) {
	var log strings.Builder
	logTo(t, slog.NewTextHandler(&log, nil))
	var s sender
	var got, blamed []Event
	var told []error
	h := recorder(&got)
	h.OnDial = func(e OnDial) {
		got = append(got, e)
		panic("boom of dial")
	}
	h.OnGreeting = func(OnGreeting) { panic(errors.New("boom of greeting")) }
	h.OnPanic = func(e Event, err error) {
		blamed, told = append(blamed, e), append(told, err)
		panic("boom of OnPanic")
	}
	ch, stop := s.Subscribe(Filter{Kinds: h.Kinds()}, Header{})
	defer stop()
	for _, k := range []Kind{KindDial, KindGreeting, KindDial, KindHello} {
		s.emit(k)
	}
	s.finish(true)
	err := h.Dispatch(ch)
	if names := kindsOf(got); !slices.Equal(names, []Kind{KindStateChange, KindDial, KindDial, KindHello, KindDisconnect}) {
		t.Errorf("called %v", names)
	}
	if names := kindsOf(blamed); !slices.Equal(names, []Kind{KindDial, KindGreeting, KindDial}) {
		t.Errorf("told of %v", names)
	}
	why, ok := errors.AsType[*smtp.PanicError](err)
	if !errors.Is(err, smtp.ErrPanic) || !ok || why.Where != "callback OnDial" || why.Value != "boom of dial" || !strings.Contains(string(why.Stack), "handlers_test.go") {
		t.Errorf("Dispatch returned %v", err)
	}
	if !strings.Contains(err.Error(), "boom of OnPanic") || !strings.Contains(told[1].Error(), "callback OnGreeting panicked: boom of greeting") {
		t.Errorf("%v; OnPanic was told %v", err, told)
	}
	h.OnPanic = nil
	log.Reset()
	if err := h.Handle(event(KindDial, 3)); !errors.Is(err, smtp.ErrPanic) {
		t.Errorf("Handle: %v", err)
	}
	if said := log.String(); !strings.Contains(said, "level=ERROR msg=\"smtp callback panicked\" smtp.session.id=7") ||
		!strings.Contains(said, "boom of dial") || !strings.Contains(said, "handlers_test.go") {
		t.Errorf("without OnPanic the default logger got %q", said)
	}
	if err := h.Handle(OnHello{}); err != nil {
		t.Error(err)
	}
}

func kindsOf(evs []Event) (names []Kind) {
	for _, e := range evs {
		names = append(names, e.Kind())
	}
	return names
}
