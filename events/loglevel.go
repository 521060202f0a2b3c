package events

import (
	"errors"
	"log/slog"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// levelsOf returns the levels that a record of an event of kind k, or of a
// command, may have, the highest first.
func levelsOf(k Kind) []slog.Level {
	all := [...]slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug}
	switch k {
	case KindStateChange, KindResolve, KindDial, KindGreeting, KindHello, KindProgress, Commands:
		return all[3:]
	case KindConnect:
		return all[2:3]
	case KindSecure, KindAuthenticate, KindMessage:
		return all[1:3]
	case KindCommand, KindRecipient:
		return all[1:]
	case KindRetry, KindTimeout, KindCancel, KindLagged:
		return all[1:2]
	case KindError:
		return all[:2]
	case KindDisconnect:
		return all[:3]
	default:
		return nil
	}
}

// levelOf is the table of [Log].
func levelOf(e Event) slog.Level {
	switch e := e.(type) {
	case OnStateChange, OnResolve, OnDial, OnGreeting, OnHello, OnProgress:
		return slog.LevelDebug
	case OnConnect:
		return slog.LevelInfo
	case OnSecure:
		return warnIf(e.Verdict, slog.LevelInfo)
	case OnAuthenticate:
		return warnIf(e.Err, slog.LevelInfo)
	case OnMessage:
		return warnIf(e.Err, slog.LevelInfo)
	case OnCommand:
		return warnIf(e.Err, slog.LevelDebug)
	case OnRecipient:
		return warnIf(e.Err, slog.LevelDebug)
	case OnRetry, OnTimeout, OnCancel, Lagged:
		return slog.LevelWarn
	case OnError:
		return levelOfError(e.Err)
	case OnDisconnect:
		return levelOfDisconnect(e)
	}
	return slog.LevelDebug
}

func warnIf(err error, otherwise slog.Level) slog.Level {
	if err != nil {
		return slog.LevelWarn
	}
	return otherwise
}

// levelOfError tells what fails from what the program itself ended.
func levelOfError(err error) slog.Level {
	e, ok := errors.AsType[*smtp.Error](err)
	if ok && (e.Kind == smtp.KindCanceled && !e.Timeout() || e.Kind == smtp.KindClosed) {
		return slog.LevelWarn
	}
	return slog.LevelError
}

// levelOfDisconnect tells a goodbye from a fault, and a fault that another
// attempt follows from one that ends the life.
func levelOfDisconnect(e OnDisconnect) slog.Level {
	switch {
	case e.Reason == Local:
		return slog.LevelInfo
	case e.Reason == Remote, e.State == fsm.Backoff:
		return slog.LevelWarn
	}
	return slog.LevelError
}
