package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// logbook is a slog.Handler that keeps records as maps, with the span that was
// open as "span".
type logbook struct {
	slog.Handler
	mu  sync.Mutex
	out bytes.Buffer
	at  func(slog.Record)
}

func newLogbook(level slog.Level) *logbook {
	b := new(logbook)
	b.Handler = slog.NewJSONHandler(&b.out, &slog.HandlerOptions{Level: level})
	return b
}

func (b *logbook) Handle(ctx context.Context, r slog.Record) error {
	if b.at != nil {
		b.at(r)
	}
	r = r.Clone()
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("span", span.SpanID().String()))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Handler.Handle(ctx, r)
}

func (b *logbook) records(t *testing.T) (all []map[string]any) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range bytes.Lines(b.out.Bytes()) {
		var r map[string]any
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// written is a life with a login, a NOOP, a message and a Disconnect, and all its
// events.
func written(t *testing.T, b *logbook, change func(*Config)) []events.Event {
	t.Helper()
	srv := memory(t, smtptest.Config{Mode: smtptest.StartTLS, Users: map[string]string{"user": "secret"}, Mechanisms: []string{"SCRAM-SHA-256"},
		On: map[string]smtptest.Step{"NOOP": smtptest.Then(func(*smtptest.Conn) { <-time.After(3 * time.Second) }, smtptest.Usual())}})
	config := reach(srv, Extended|SecureExplicit)
	config.Dialer, config.Logger = srv, slog.New(b)
	if change != nil {
		change(&config)
	}
	s := newSession(t, config)
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Authenticate(t.Context(), WithUserName("user"), WithPassword("secret")); err != nil {
		t.Error(err)
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.Send(t.Context(), to("a@example.net", "b@example.net")); err != nil {
		t.Error(err)
	}
	if err := s.Disconnect(t.Context()); err != nil {
		t.Error(err)
	}
	return evs()
}

// Each event is one record with its time and number, and each command and reply
// one of the transcript.
func TestLog_TellsEachEventAndEachExchange(t *testing.T) {
	bubble(t, "debug", func(t *testing.T) {
		b := newLogbook(slog.LevelDebug)
		told := written(t, b, nil)
		var verbs []string
		var seqs []uint64
		for _, r := range b.records(t) {
			if r["smtp.session.id"] != float64(told[0].Head().Session) {
				t.Errorf("no record of this session: %v", r)
			}
			if r["msg"] == "smtp exchange" {
				verbs = append(verbs, r["smtp.command"].(string))
				if r["smtp.command"] == "NOOP" && r["smtp.duration"] != 3.0 {
					t.Errorf("NOOP took %v s", r["smtp.duration"])
				}
				if r["smtp.command"] == "AUTH" && r["smtp.reply.code"] == 334.0 && r["smtp.reply.text"] != nil {
					t.Errorf("a challenge: %v", r)
				}
				continue
			}
			seqs = append(seqs, uint64(r["smtp.event.seq"].(float64)))
		}
		var want []uint64
		for _, e := range told[1:] { // without the state at the beginning
			want = append(want, e.Head().Seq)
		}
		if !slices.Equal(seqs, want) {
			t.Errorf("records of %v, events %v", seqs, want)
		}
		if got := strings.Join(verbs, " "); got != "EHLO STARTTLS EHLO AUTH AUTH AUTH NOOP MAIL RCPT RCPT BDAT QUIT" {
			t.Errorf("exchanges %s", got)
		}
	})
	bubble(t, "info", func(t *testing.T) {
		b := newLogbook(slog.LevelInfo)
		_ = written(t, b, nil)
		var got []string
		for _, r := range b.records(t) {
			got = append(got, r["level"].(string)+" "+r["msg"].(string))
		}
		if want := []string{"INFO smtp secure", "INFO smtp connect", "INFO smtp authenticate", "INFO smtp message", "INFO smtp disconnect"}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
}

// What the spans say of a life the log says too, in the same words; and where a
// span is open the handler knows it.
func TestLog_HasTheAttributesOfTheSpans(t *testing.T) {
	bubble(t, "names", func(t *testing.T) {
		recorder := tracetest.NewSpanRecorder()
		provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
		b := newLogbook(slog.LevelDebug)
		_ = written(t, b, func(c *Config) { c.TracerProvider = provider })
		logged := map[string]bool{}
		spans := map[string]string{}
		for _, span := range recorder.Ended() {
			spans[span.SpanContext().SpanID().String()] = span.Name()
		}
		for _, r := range b.records(t) {
			for key := range r {
				logged[key] = true
			}
			if span, ok := r["span"]; ok && r["msg"] == "smtp exchange" {
				want := map[any]string{"EHLO": "smtp.ehlo", "STARTTLS": "smtp.starttls", "AUTH": "smtp.auth", "QUIT": "smtp.connect"}[r["smtp.command"]]
				if want == "" {
					want = "smtp.send"
				}
				if spans[span.(string)] != want {
					t.Errorf("%v within %s", r["smtp.command"], spans[span.(string)])
				}
			} else if r["smtp.command"] == "EHLO" || r["smtp.command"] == "MAIL" {
				t.Errorf("%v knows no span", r["smtp.command"])
			}
		}
		for _, span := range recorder.Ended() {
			for _, a := range span.Attributes() {
				if key := string(a.Key); !logged[key] && key != "network.protocol.name" && key != "dns.question.name" {
					t.Errorf("%s of %s is in no record: %q", key, span.Name(), slices.Sorted(maps.Keys(logged)))
				}
			}
		}
	})
}

func TestLog_AConnectThatFailsIsOneError(t *testing.T) {
	bubble(t, "refused", func(t *testing.T) {
		b := newLogbook(slog.LevelWarn)
		srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Say("450 later\x1b")}})
		config := reach(srv, Extended)
		config.Dialer, config.Logger, config.Retry = srv, slog.New(b), Retry{MaxAttempts: 2, Replies: true, Policy: soon}
		_ = newSession(t, config).Connect(t.Context())
		var got []string
		for _, r := range b.records(t) {
			got = append(got, r["level"].(string)+" "+r["msg"].(string))
			if r["server.address"] != srv.Host() || r["server.port"] != float64(srv.Port()) || r["error.type"] != "450" {
				t.Errorf("%v", r)
			}
		}
		if want := []string{"WARN smtp retry", "ERROR smtp error"}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
}

// A handler that panics is a hook that does: at each record.
func TestHostile_H23_ALogThatPanicsEndsItsSessionAndSaysSo(t *testing.T) {
	var all []string
	bubble(t, "undisturbed", func(t *testing.T) {
		b := newLogbook(slog.LevelDebug)
		b.at = func(r slog.Record) {
			if !slices.Contains(all, r.Message) {
				all = append(all, r.Message)
			}
		}
		_ = written(t, b, nil)
	})
	if len(all) < 10 {
		t.Fatalf("only %q", all)
	}
	for _, message := range all {
		bubble(t, message, func(t *testing.T) {
			b := newLogbook(slog.LevelDebug)
			b.at = func(r slog.Record) {
				if r.Message == message {
					panic("boom")
				}
			}
			srv := memory(t, smtptest.Config{Mode: smtptest.StartTLS, Users: map[string]string{"user": "secret"}, Mechanisms: []string{"PLAIN"}})
			config := reach(srv, Extended|SecureExplicit)
			config.Dialer, config.Logger = srv, slog.New(b)
			s := newSession(t, config)
			evs := record(t, s)
			errs := []error{s.Connect(t.Context()), s.Authenticate(t.Context(), WithUserName("user"), WithPassword("secret")), s.Noop(t.Context())}
			_, err := s.Send(t.Context(), to("a@example.net"))
			errs = append(errs, err, s.Disconnect(t.Context()))
			<-s.Done()
			errs = append(errs, s.Err())
			says := func(err error) bool {
				return errors.Is(err, smtp.ErrPanic) && strings.Contains(err.Error(), "logHook panicked: boom")
			}
			if !slices.ContainsFunc(errs, says) && message != "smtp disconnect" { // which is the last there is
				t.Errorf("nothing says so: %v", errs)
			}
			checkLife(t, evs())
			allClosed(t, srv)
		})
	}
}
