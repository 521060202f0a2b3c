package session

import (
	"context"
	"strings"
	"sync"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/tracing"
)

// ledger is what events and hooks have told: how often, by a line of words.
type ledger struct {
	mu  sync.Mutex
	all map[string]int64
}

func (l *ledger) add(line ...string) { l.addN(1, line...) }

func (l *ledger) addN(n int64, line ...string) {
	l.mu.Lock()
	l.all[strings.Join(line, " ")] += n
	l.mu.Unlock()
}

// typeOf is what error.type has to be, "" without an error.
func typeOf(err error) string {
	if err == nil {
		return ""
	}
	return asError(err).ErrorType()
}

func (l *ledger) ConnectStart(ctx context.Context, _ events.ConnectStart) context.Context { return ctx }

func (l *ledger) ConnectEnd(context.Context, events.ConnectEnd) {}

func (l *ledger) AttemptStart(ctx context.Context, _ events.AttemptStart) context.Context { return ctx }

func (l *ledger) AttemptEnd(_ context.Context, e events.AttemptEnd) {
	l.add("span smtp.connect.attempt", typeOf(e.Err))
}

func (l *ledger) PhaseStart(ctx context.Context, _ events.PhaseStart) context.Context { return ctx }

func (l *ledger) PhaseEnd(_ context.Context, e events.PhaseEnd) {
	l.add(tracing.MetricPhaseDuration, typeOf(e.Err), e.Phase.String())
	name := "smtp." + e.Phase.String()
	switch {
	case e.Phase == fsm.Mail:
		name = tracing.SpanSend
	case e.Phase == fsm.Resolve && e.Host == "": // nobody was asked
		return
	}
	l.add("span", name, typeOf(e.Err))
}

func (l *ledger) CommandStart(ctx context.Context, _ events.CommandStart) context.Context { return ctx }

func (l *ledger) CommandEnd(_ context.Context, e events.CommandEnd) {
	verb := e.Verb
	if strings.HasPrefix(verb, "X") {
		verb = "_OTHER"
	}
	l.add(tracing.MetricCommandDuration, typeOf(e.Err), verb)
}

func (l *ledger) Kinds() events.Mask { return 0 }

func (l *ledger) Event(_ context.Context, e events.Event) {
	h := events.Handlers{
		OnConnect: func(events.OnConnect) {
			l.add(tracing.MetricConnectDuration, "")
			l.add("span smtp.connect", "")
		},
		OnError: func(e events.OnError) {
			if e.Final {
				l.add(tracing.MetricConnectDuration, typeOf(e.Err))
				l.add("span smtp.connect", typeOf(e.Err))
			}
		},
		OnRetry: func(e events.OnRetry) { l.add(tracing.MetricConnectRetries, typeOf(e.Err)) },
		OnMessage: func(e events.OnMessage) {
			l.add(tracing.MetricMessages, typeOf(e.Receipt.Err()), e.Receipt.Outcome.String())
		},
		OnCommand: func(e events.OnCommand) { l.add("asked for", e.Verb) },
	}
	_ = h.Handle(e)
}

// ofSession counts the ends of lives that were ready.
func (l *ledger) ofSession(evs []events.Event) {
	connected := false
	for _, e := range evs {
		connected = connected || e.Kind() == events.KindConnect
	}
	if last, ok := evs[len(evs)-1].(events.OnDisconnect); ok && connected {
		l.add(tracing.MetricSessionDuration, typeOf(last.Err))
	}
}
