package tracing_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

// printer is a small exporter: when a trace is complete, it prints its tree.
type printer struct {
	children map[trace.SpanID][]sdktrace.ReadOnlySpan
}

func (p *printer) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		parent := s.Parent().SpanID()
		p.children[parent] = append(p.children[parent], s)
		if !parent.IsValid() {
			p.print(s, 0)
		}
	}
	return nil
}

func (p *printer) print(s sdktrace.ReadOnlySpan, depth int) {
	fmt.Print(strings.Repeat("  ", depth), s.Name())
	for _, kv := range s.Attributes() {
		switch kv.Key {
		case "server.address", "smtp.connect.attempts", "smtp.backoff.delay", "network.peer.address", "smtp.reply.code", "error.type":
			fmt.Printf(" %s=%s", kv.Key, kv.Value.String())
		}
	}
	fmt.Println()
	for _, c := range p.children[s.SpanContext().SpanID()] {
		p.print(c, depth+1)
	}
}

func (*printer) Shutdown(context.Context) error { return nil }

// A session calls the hook by itself; here it is done by hand, so that the
// example needs no server. The first attempt is turned away with 421.
func Example() {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(&printer{children: map[trace.SpanID][]sdktrace.ReadOnlySpan{}}))
	defer provider.Shutdown(context.Background())
	h := tracing.New(tracing.Config{TracerProvider: provider})

	peer := netip.MustParseAddrPort("192.0.2.1:25")
	busy := &smtp.Error{Kind: smtp.KindReply, Phase: "greeting", Reply: smtp.Reply{Code: 421, Text: "too busy"}}

	connect := h.ConnectStart(context.Background(), events.ConnectStart{Session: 1, Host: "mail.example.org", Port: 25})

	attempt := h.AttemptStart(connect, events.AttemptStart{Attempt: 1})
	phase := h.PhaseStart(attempt, events.PhaseStart{Phase: fsm.Greeting})
	h.PhaseEnd(phase, events.PhaseEnd{Phase: fsm.Greeting, Reply: busy.Reply, Err: busy})
	h.AttemptEnd(attempt, events.AttemptEnd{Attempt: 1, Peer: peer, Err: busy, Retry: true})

	attempt = h.AttemptStart(connect, events.AttemptStart{Attempt: 2, Delay: 2e9})
	phase = h.PhaseStart(attempt, events.PhaseStart{Phase: fsm.Greeting})
	h.PhaseEnd(phase, events.PhaseEnd{Phase: fsm.Greeting, Reply: smtp.Reply{Code: 220}})
	phase = h.PhaseStart(attempt, events.PhaseStart{Phase: fsm.Ehlo})
	h.PhaseEnd(phase, events.PhaseEnd{Phase: fsm.Ehlo, Reply: smtp.Reply{Code: 250}})
	h.AttemptEnd(attempt, events.AttemptEnd{Attempt: 2, Peer: peer})

	h.ConnectEnd(connect, events.ConnectEnd{Attempts: 2})

	// Output:
	// smtp.connect server.address=mail.example.org smtp.connect.attempts=2
	//   smtp.connect.attempt network.peer.address=192.0.2.1 error.type=421
	//     smtp.greeting smtp.reply.code=421 error.type=421
	//   smtp.connect.attempt smtp.backoff.delay=2 network.peer.address=192.0.2.1
	//     smtp.greeting smtp.reply.code=220
	//     smtp.ehlo smtp.reply.code=250
}
