package events

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// Commands that travel together begin together and end one after another: each
// has its own time.
func TestTranscript_EachExchangeHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, other := &kept{level: slog.LevelDebug}, &kept{level: slog.LevelDebug}
		hooks := sorted(t, Log(slog.New(k)), Log(slog.New(other)))
		mail, _ := hooks.CommandStart(t.Context(), CommandStart{Session: 7, Verb: "MAIL"})
		rcpt, _ := hooks.CommandStart(t.Context(), CommandStart{Session: 7, Verb: "RCPT"})
		<-time.After(250 * time.Millisecond)
		began := time.Now()
		_ = hooks.CommandEnd(mail, CommandEnd{Verb: "MAIL", Reply: smtp.Reply{Code: 250, Text: "ok"}})
		<-time.After(time.Second)
		no := smtp.Reply{Code: 450, Text: "4.2.1 later"}
		_ = hooks.CommandEnd(rcpt, CommandEnd{Verb: "RCPT", Reply: no, Err: &smtp.Error{Kind: smtp.KindReply, Reply: no}})
		for _, k := range []*kept{k, other} {
			var lines []string
			for _, r := range k.records {
				lines = append(lines, line(r))
			}
			same(t, lines,
				"DEBUG smtp exchange smtp.session.id=7 smtp.command=MAIL smtp.reply.code=250 smtp.reply.text=ok smtp.duration=0.25",
				"DEBUG smtp exchange smtp.session.id=7 smtp.command=RCPT smtp.reply.code=450 smtp.reply.text=4.2.1 later"+
					" error.type=450 error=refused by the server: 450 4.2.1 later smtp.duration=1.25")
			if !k.records[0].Time.Equal(began) {
				t.Errorf("at %v, not %v", k.records[0].Time, began)
			}
		}
	})
}

// An exchange whose beginning was not heard has no time, and so no record.
func TestTranscript_BeginsAndEndsWithTheLevel(t *testing.T) {
	level := new(slog.LevelVar)
	k := &kept{level: level}
	hooks := sorted(t, Log(slog.New(k)), &tracer{log: new([]string)}) // which hears of all commands
	for _, c := range []struct {
		start, end slog.Level
		want       int
	}{{slog.LevelInfo, slog.LevelDebug, 0}, {slog.LevelDebug, slog.LevelInfo, 0}, {slog.LevelDebug, slog.LevelDebug, 1}} {
		k.records = nil
		level.Set(c.start)
		ctx, _ := hooks.CommandStart(t.Context(), CommandStart{Verb: "NOOP"})
		level.Set(c.end)
		_ = hooks.CommandEnd(ctx, CommandEnd{Verb: "NOOP"})
		if len(k.records) != c.want {
			t.Errorf("%v, %v: %d records", c.start, c.end, len(k.records))
		}
	}
}
