package session

import (
	"reflect"
	"slices"
	"sync/atomic"
	"weak"

	"go.opentelemetry.io/otel"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/tracing"
)

// hooksOf returns the hooks of a configuration, sorted: its own, and behind them, so
// that an index in an error is the caller's, the one that makes spans and metrics and
// the one that writes to the logger.
func hooksOf(c *Config) (*events.Hooks, error) {
	if len(c.Hooks) == 0 && c.Logger == nil {
		return onlyTracing(c), nil
	}
	all := slices.Clip(c.Hooks)
	if !slices.ContainsFunc(all, traces) {
		all = append(all, tracingOf(c))
	}
	if c.Logger != nil {
		all = append(slices.Clip(all), events.Log(c.Logger))
	}
	hooks, err := events.SortHooks(all)
	if err != nil {
		return nil, err
	}
	return &hooks, nil
}

// traces reports a hook that makes the spans already.
func traces(h events.Hook) bool {
	_, ok := h.(*tracing.Hook)
	return ok
}

func tracingOf(c *Config) *tracing.Hook {
	return tracing.New(tracing.Config{TracerProvider: c.TracerProvider, MeterProvider: c.MeterProvider})
}

// providers are whom a hook asks: those that were given, and the global ones as they
// were when it was made.
type providers [4]any

// comparable reports whether to compare them with others cannot panic.
func (p *providers) comparable() bool {
	return !slices.ContainsFunc(p[:], func(v any) bool { return v != nil && !reflect.ValueOf(v).Comparable() })
}

// sharedHooks are those of a configuration that names none, as most do.
type sharedHooks struct {
	of    providers
	hooks events.Hooks
}

// lastShared are those that were made last, as long as a session has them: the
// sessions of a program are mostly of one configuration.
var lastShared atomic.Pointer[weak.Pointer[sharedHooks]]

// onlyTracing returns hooks without any of the program's.
func onlyTracing(c *Config) *events.Hooks {
	of := providers{c.TracerProvider, c.MeterProvider, otel.GetTracerProvider(), otel.GetMeterProvider()}
	if last := lastShared.Load(); last != nil {
		if shared := last.Value(); shared != nil && shared.of == of {
			return &shared.hooks
		}
	}
	hooks, _ := events.SortHooks([]events.Hook{tracingOf(c)})
	made := &sharedHooks{of, hooks}
	if of.comparable() {
		last := weak.Make(made)
		lastShared.Store(&last)
	}
	return &made.hooks
}
