package session

import (
	"runtime"
	"testing"
	"weak"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/tracing"
)

func hooksFor(t *testing.T, c Config) *events.Hooks {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s.hooks
}

// odd is a provider that cannot be compared.
type odd struct {
	trace.TracerProvider
	_ []int
}

func TestNew_SessionsOfTheSameProvidersShareTheirHooks(t *testing.T) {
	none := hooksFor(t, Config{})
	if hooksFor(t, Config{}) != none {
		t.Error("nothing given: not shared")
	}
	given := Config{TracerProvider: tracenoop.NewTracerProvider()}
	its := hooksFor(t, given)
	if its == none || hooksFor(t, given) != its {
		t.Error("a provider: its hooks are not its own, or not shared")
	}
	strange := Config{TracerProvider: odd{TracerProvider: tracenoop.NewTracerProvider()}}
	if one := hooksFor(t, strange); hooksFor(t, strange) == one {
		t.Error("a provider that cannot be compared: shared")
	}
	named := Config{Hooks: []events.Hook{tracing.New(tracing.Config{})}}
	if one := hooksFor(t, named); hooksFor(t, named) == one {
		t.Error("hooks of the program's own: shared")
	}
	none = hooksFor(t, Config{})
	defer otel.SetTracerProvider(otel.GetTracerProvider())
	otel.SetTracerProvider(&tracenoop.TracerProvider{})
	if hooksFor(t, Config{}) == none {
		t.Error("another global provider: the hooks of the one before")
	}
}

// keeper is a provider with an address of its own.
type keeper struct {
	trace.TracerProvider
	_ int
}

func TestNew_WhatSessionsShareGoesWithTheLastOfThem(t *testing.T) {
	held := func() weak.Pointer[keeper] {
		given := &keeper{TracerProvider: tracenoop.NewTracerProvider()}
		_ = hooksFor(t, Config{TracerProvider: given})
		return weak.Make(given)
	}()
	for range 10 {
		if runtime.GC(); held.Value() == nil {
			return
		}
	}
	t.Error("no session has it any more, and it is held")
}
