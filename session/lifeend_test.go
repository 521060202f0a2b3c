package session

import (
	"context"
	"errors"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// obituary keeps the ends of lives, and the values of their contexts.
type obituary struct {
	open int
	ends []events.LifeOver
	born []any
}

type bornKey struct{}

func (o *obituary) ConnectStart(ctx context.Context, s events.ConnectStart) context.Context {
	o.open++
	return context.WithValue(ctx, bornKey{}, s.Life)
}

func (o *obituary) ConnectEnd(context.Context, events.ConnectEnd) { o.open-- }

func (o *obituary) LifeOver(ctx context.Context, e events.LifeOver) {
	if o.open != 0 || !events.InHook(ctx) {
		panic("not the last scope, or not marked")
	}
	o.ends, o.born = append(o.ends, e), append(o.born, ctx.Value(bornKey{}))
}

// Every life that has begun ends once for an EndHook, whatever ends it.
func TestHooks_LifeOverTellsEveryEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*Session, *smtptest.Server)
		step smtptest.Step
		want error
	}{
		"Disconnect": {end: func(s *Session, _ *smtptest.Server) { _ = s.Disconnect(context.Background()) }},
		"Close":      {end: func(s *Session, _ *smtptest.Server) { _ = s.Close() }},
		"lost":       {end: func(_ *Session, srv *smtptest.Server) { srv.CloseConns() }, want: smtp.ErrLost},
		"refused":    {step: smtptest.Say("554 no"), want: smtp.ErrReply},
		"invalid":    {want: smtp.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			srv := loopback(t, place{moment: "GREETING"}.server(c.step))
			o := &obituary{}
			config := place{options: Extended}.config(srv)
			config.Hooks = []events.Hook{o}
			s := newSession(t, config)
			var opts []ConnectOption
			if name == "invalid" {
				opts = append(opts, WithRemotePort(-1))
			}
			if err := s.Connect(t.Context(), opts...); (err == nil) != (c.end != nil) {
				t.Fatal(err)
			}
			if c.end != nil {
				c.end(s, srv)
			}
			<-s.Done()
			if len(o.ends) != 1 {
				t.Fatalf("%d ends", len(o.ends))
			}
			e := o.ends[0]
			if !errors.Is(e.Err, c.want) || e.Session != s.ID() || e.Life != 1 || o.born[0] != uint64(1) {
				t.Errorf("%+v, born %v; want %v", e, o.born[0], c.want)
			}
		})
	}
}
