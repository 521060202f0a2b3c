package events

import (
	"reflect"
	"slices"
	"testing"
)

// recorder returns Handlers with every callback set; each notes the event it got.
func recorder(got *[]Event) *Handlers {
	var h Handlers
	v := reflect.ValueOf(&h).Elem()
	for _, field := range v.Fields() {
		field.Set(reflect.MakeFunc(field.Type(), func(args []reflect.Value) []reflect.Value {
			*got = append(*got, args[0].Interface().(Event))
			return nil
		}))
	}
	return &h
}

func TestHandlers_HaveACallbackForEveryKind(t *testing.T) {
	typ := reflect.TypeFor[Handlers]()
	if typ.NumField() != len(Kinds()) {
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
		h.Handle(e)
		if len(got) != 1 || !reflect.DeepEqual(got[0], e) {
			t.Errorf("%v: %+v", k, got)
		}
		// Only the callback of that name.
		got = nil
		reflect.ValueOf(h).Elem().FieldByName(k.String()).SetZero()
		h.Handle(e)
		if len(got) != 0 {
			t.Errorf("%v without its callback went to that of %v", k, got[0].Kind())
		}
		(&Handlers{}).Handle(e)
	}
	(&Handlers{}).Handle(nil)
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
	h.Dispatch(ch) // returns
	var names []Kind
	for _, e := range got {
		names = append(names, e.Kind())
	}
	if want := []Kind{KindStateChange, KindResolve, KindDial, KindLagged, KindDisconnect}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}
