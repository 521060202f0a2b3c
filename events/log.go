package events

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// Log returns a hook that writes one record to logger for each event, and at
// debug level a transcript: one record for each command and its reply. A nil
// logger gets nothing. It is what the Logger of a session's configuration makes.
//
//	message            level
//	smtp state         debug
//	smtp resolve       debug
//	smtp dial          debug
//	smtp greeting      debug
//	smtp hello         debug
//	smtp secure        info; warn if the certificate is not verified (TrustedSite)
//	smtp connect       info
//	smtp command       debug; warn if it was refused or came to nothing
//	smtp authenticate  info; warn if it failed
//	smtp recipient     debug; warn if it was refused
//	smtp progress      debug
//	smtp message       info if every recipient was accepted; else warn: rejected, not sent, unknown
//	smtp retry         warn
//	smtp timeout       warn
//	smtp cancel        warn
//	smtp error         error; warn if it is a cancel other than by a deadline, or a Close
//	smtp disconnect    info if this side ended it; warn if the server did, or a fault and another
//	                   attempt follows; else error
//	smtp lagged        warn; no hook is ever told, only who reads a channel
//	smtp exchange      debug: the transcript
//
// An attribute has the name of the one on the spans where those have it, such as
// smtp.session.id, server.address, network.peer.address, smtp.reply.code and
// error.type; error is the error's text, smtp.reply.text the server's. Times are
// in seconds. Text that is not ehlo's own is escaped and cut as [smtp.Escape]
// does. There is never a password, a response or challenge of AUTH, or a
// message's content. The transcript names a command by its verb alone, so not
// even the length of what AUTH says shows. Addresses of recipients are there: a
// log of deliveries is for finding them.
//
// The record has the time of its event, and the handler gets the context of the
// hook, which knows the span that is open. Before anything is made the handler is
// asked whether the level is enabled, for every record anew, so a slog.LevelVar
// works at any time; while none is, the hook allocates nothing. That question has
// no context of the session.
//
// The handler runs on the session's goroutine: one that blocks holds the session
// up, which is the program's fault; give it a buffer. One that panics ends its
// session, as any hook does. Its errors are not heard.
func Log(logger *slog.Logger) Hook {
	h := new(logHook)
	if logger != nil {
		h.handler = logger.Handler()
	}
	return h
}

// logHook is an EventHook, a CommandHook and a Sleeper.
type logHook struct{ handler slog.Handler }

// Kinds are all that a hook can get.
func (h *logHook) Kinds() Mask { return All &^ MaskOf(KindLagged) }

// Event writes the record of an event.
func (h *logHook) Event(ctx context.Context, e Event) {
	level := levelOf(e)
	if h.enabled(ctx, level) {
		h.write(ctx, e.Head().Time, level, messageOf(e.Kind()), attrsOf(e))
	}
}

func (h *logHook) enabled(ctx context.Context, level slog.Level) bool {
	return h.handler != nil && h.handler.Enabled(ctx, level)
}

func (h *logHook) write(ctx context.Context, at time.Time, level slog.Level, message string, attrs []slog.Attr) {
	r := slog.NewRecord(at, level, message, 0) // no line of the program's wrote it
	r.AddAttrs(attrs...)
	_ = h.handler.Handle(ctx, r)
}

// Asleep reports that no record of the kind would be written.
func (h *logHook) Asleep(to Kind) bool {
	return !slices.ContainsFunc(levelsOf(to), func(l slog.Level) bool { return h.enabled(context.Background(), l) })
}

func messageOf(k Kind) string {
	switch k {
	case KindStateChange:
		return "smtp state"
	case KindResolve:
		return "smtp resolve"
	case KindDial:
		return "smtp dial"
	case KindGreeting:
		return "smtp greeting"
	case KindHello:
		return "smtp hello"
	case KindSecure:
		return "smtp secure"
	case KindConnect:
		return "smtp connect"
	case KindCommand:
		return "smtp command"
	case KindAuthenticate:
		return "smtp authenticate"
	case KindRecipient:
		return "smtp recipient"
	case KindProgress:
		return "smtp progress"
	case KindMessage:
		return "smtp message"
	case KindRetry:
		return "smtp retry"
	case KindTimeout:
		return "smtp timeout"
	case KindCancel:
		return "smtp cancel"
	case KindError:
		return "smtp error"
	case KindDisconnect:
		return "smtp disconnect"
	case KindLagged:
		return "smtp lagged"
	default:
		return "smtp event"
	}
}
