package events

import (
	"context"
	"log/slog"
	"time"
)

// exchange is a command on its way, as the transcript of [Log] remembers it in
// the command's context.
type exchange struct {
	context.Context
	of      *logHook
	session uint64
	began   time.Time
}

// Value returns the exchange to its own hook.
func (x *exchange) Value(key any) any {
	if key == x.of {
		return x
	}
	return x.Context.Value(key)
}

// CommandStart remembers when a command was said.
func (h *logHook) CommandStart(ctx context.Context, s CommandStart) context.Context {
	if !h.enabled(ctx, slog.LevelDebug) {
		return ctx
	}
	return &exchange{ctx, h, s.Session, time.Now()}
}

// CommandEnd writes the command's verb, the answer and how long it took.
func (h *logHook) CommandEnd(ctx context.Context, e CommandEnd) {
	x, ok := ctx.Value(h).(*exchange)
	if !ok || !h.enabled(ctx, slog.LevelDebug) {
		return
	}
	now := time.Now()
	a := make(attrs, 0, 8)
	a.add(slog.Uint64("smtp.session.id", x.session))
	a.text("smtp.command", e.Verb)
	a.answer(e.Reply, e.Err, now.Sub(x.began))
	h.write(ctx, now, slog.LevelDebug, "smtp exchange", a)
}
