package session

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// brokenCause panics in whatever is asked of a nil one.
type brokenCause struct{ err error }

func (b *brokenCause) Error() string { return b.err.Error() }
func (b *brokenCause) Unwrap() error { return b.err }

// askingCause asks the session itself.
type askingCause struct{ s *Session }

func (askingCause) Error() string   { return "asking" }
func (c askingCause) Is(error) bool { return c.s.Err() != nil }
func (c askingCause) Unwrap() error { return c.s.Err() }

// The cause of a caller's context is a foreign error, and is handled under the
// session's lock and on goroutines where nothing recovers.
func TestHostile_H23_ACauseOfAContextThatBreaks(t *testing.T) {
	for name, do := range map[string]func(context.Context, *Session, *testing.T) error{
		"Connect": func(ctx context.Context, s *Session, _ *testing.T) error { return s.Connect(ctx) },
		"Start": func(ctx context.Context, s *Session, _ *testing.T) error {
			_ = s.Start(ctx)
			<-s.Done()
			return s.Err()
		},
		"Noop": func(ctx context.Context, s *Session, _ *testing.T) error { return s.Noop(ctx) },
		"Send": func(ctx context.Context, s *Session, _ *testing.T) error {
			_, err := s.Send(ctx, to("a@example.net"))
			return err
		},
		"Send of a reader": func(ctx context.Context, s *Session, _ *testing.T) error {
			m := to("a@example.net")
			m.Content = &broken{600_000, func() (int, error) { <-time.After(time.Hour); return 0, errors.New("over") }}
			_, err := s.Send(ctx, m)
			return err
		},
		"Begin": func(ctx context.Context, s *Session, t *testing.T) error {
			tx, err := s.Begin(ctx, smtp.Mail{From: "from@example.org"})
			if err != nil {
				return err
			}
			<-time.After(time.Minute)
			_, err = tx.Commit(t.Context())
			return err
		},
		"Disconnect": func(ctx context.Context, s *Session, _ *testing.T) error { return s.Disconnect(ctx) },
	} {
		for kind, cause := range map[string]func(*Session) error{
			"panics": func(*Session) error { return (*brokenCause)(nil) }, "asks": func(s *Session) error { return askingCause{s} },
		} {
			bubble(t, name+"/"+kind, func(t *testing.T) {
				silent := map[string]smtptest.Step{"NOOP": smtptest.Silence(), "RCPT": smtptest.Silence(), "QUIT": smtptest.Silence()}
				if name == "Connect" || name == "Start" {
					silent["EHLO"] = smtptest.Silence()
				} else if name == "Send of a reader" {
					silent["RCPT"] = smtptest.Usual()
				}
				srv := memory(t, smtptest.Config{On: silent})
				c := reach(srv, Extended)
				c.Dialer = srv
				s := newSession(t, c)
				if silent["EHLO"] == nil {
					if err := s.Connect(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(cause(s)) })
				err := do(ctx, s, t)
				if !errors.Is(err, smtp.ErrCanceled) || !errors.Is(err, context.Canceled) || fmt.Sprint(err) == "" {
					t.Errorf("%v", err)
				}
				if e, ok := errors.AsType[*smtp.Error](err); !ok || e.Kind != smtp.KindCanceled {
					t.Errorf("%#v", err)
				}
				_ = s.Close()
				<-s.Done()
			})
		}
	}
}

func TestContextError_SaysTheCauseOnce(t *testing.T) {
	cause := errors.New("shut down")
	for _, c := range []struct {
		cause error
		want  string
	}{{nil, "context canceled"}, {cause, "context canceled: shut down"}, {fmt.Errorf("shut down: %w", context.Canceled), "shut down: context canceled"}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(c.cause)
		err := contextError(ctx)
		if err.Error() != c.want || !errors.Is(err, context.Canceled) || c.cause != nil && !errors.Is(err, c.cause) || errors.Is(err, smtp.ErrClosed) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	for cause, err := range map[error]error{context.DeadlineExceeded: context.Canceled, context.Canceled: context.DeadlineExceeded} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), -1, cause)
		if err == context.Canceled {
			canceled, cancelCause := context.WithCancelCause(t.Context())
			cancelCause(cause)
			ctx = canceled
		}
		if got := contextError(ctx); !errors.Is(got, err) || !errors.Is(got, cause) {
			t.Errorf("%v with the cause %v: %v", err, cause, got)
		}
		cancel()
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(&smtp.Error{Kind: smtp.KindVetoed})
	if e, ok := errors.AsType[*smtp.Error](contextError(ctx)); !ok || e.Kind != smtp.KindVetoed {
		t.Error(e, ok)
	}
}
