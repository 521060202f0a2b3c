package events_test

import (
	"context"
	"log/slog"
	"os"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// A session makes this hook of its Config.Logger; here the example plays the
// session. Nothing is made of what the level leaves out.
func ExampleLog() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelInfo,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey { // so that the output is always the same
				return slog.Attr{}
			}
			return a
		},
	}))
	hooks, _ := events.SortHooks([]events.Hook{events.Log(logger)})
	head := events.Header{Session: 12, Life: 1, Seq: 9, State: fsm.Ready}
	_ = hooks.Event(context.Background(), events.OnProgress{Header: head, Octets: 4096})
	_ = hooks.Event(context.Background(), events.OnRecipient{Header: head, Address: "bob@example.net",
		Reply: smtp.Reply{Code: 550, Text: "unknown \x1b[1m"}, Err: &smtp.Error{Kind: smtp.KindReply, Permanent: true}})
	// Output:
	// level=WARN msg="smtp recipient" smtp.session.id=12 smtp.session.life=1 smtp.event.seq=9 smtp.phase=ready smtp.recipient=bob@example.net smtp.reply.code=550 smtp.reply.text="unknown \\x1b[1m" error.type=reply error="refused by the server"
}
