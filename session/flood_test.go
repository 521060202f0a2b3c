package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// What a flood may make us read: one reply, and a buffer more.
const flooded = smtp.MaxReply + 32<<10

func TestHostile_H7_AFloodIsAProtocolErrorAndBoundedMemory(t *testing.T) {
	floods := map[string]smtptest.Step{
		"one endless line":         smtptest.Then(smtptest.SayRaw("220 "), smtptest.Flood("a")),
		"one endless line of CR":   smtptest.Then(smtptest.SayRaw("250 "), smtptest.Flood("\r")),
		"one endless continuation": smtptest.Then(smtptest.SayRaw("250-"), smtptest.Flood("a")),
		"endless 220-":             smtptest.Flood("220-welcome\r\n"),
		"endless empty 250-":       smtptest.Flood("250-\r\n"),
		"endless empty 250- of LF": smtptest.Flood("250-\n"),
		"an EHLO of 18 MB":         smtptest.SayRaw(strings.Repeat("250-XKEYWORD WITH PARAMETERS\r\n", 18<<20/30) + "250 END\r\n"),
		"no digit ever":            smtptest.Flood("a"),
		"empty lines":              smtptest.Flood("\r\n"),
	}
	for _, p := range places() {
		for name, step := range floods {
			if strings.HasPrefix(name, "an EHLO") && p.moment != "EHLO" {
				continue
			}
			bubble(t, p.name+"/"+name, func(t *testing.T) {
				srv := memory(t, p.server(step))
				c := p.config(srv)
				dialer := &watched{Dialer: srv}
				c.Dialer, c.Retry.MaxAttempts = dialer, 1
				s := newSession(t, c)
				begun := time.Now()
				evs, err := p.visit(t, s)
				if !errors.Is(err, smtp.ErrProtocol) {
					t.Errorf("%v, want a protocol error", err)
				}
				if took := time.Since(begun); took != 0 {
					t.Errorf("took %v", took)
				}
				checkLife(t, evs)
				if n := dialer.all()[0].octets(); n > flooded {
					t.Errorf("%d octets were read, want at most %d", n, flooded)
				}
				if n := len(fmt.Sprint(err)); n > 1000 {
					t.Errorf("an error of %d octets", n)
				}
			})
		}
	}
}

// One octet a second: the deadline is that of the whole reply.
func TestHostile_H7_ATrickleDoesNotExtendTheWait(t *testing.T) {
	line := "250-" + strings.Repeat("a", 44) + "\r\n" // 50 s
	trickles := map[string]struct {
		text string
		line time.Duration // when a limit of one line ends it, before that of the place
	}{
		"one long line":              {"250 " + strings.Repeat("a", 1000) + "\r\n", 0},
		"many lines, each in time":   {strings.Repeat(line, 40), 0},
		"a second line of over 60 s": {"250-a\r\n250 " + strings.Repeat("a", 100) + "\r\n", 7*time.Second + 60*time.Second},
	}
	for _, p := range places() {
		for name, c := range trickles {
			bubble(t, p.name+"/"+name, func(t *testing.T) {
				srv := memory(t, p.server(smtptest.Trickle(c.text, time.Second)))
				cfg := p.config(srv)
				cfg.Retry.MaxAttempts = 1
				s := newSession(t, cfg)
				begun := time.Now()
				evs, err := p.visit(t, s)
				want := p.limit
				if c.line != 0 && c.line < want {
					want = c.line
				}
				if took := time.Since(begun); took != want {
					t.Errorf("took %v, want %v: %v", took, want, err)
				}
				checkLife(t, evs)
				if p.isQuit() {
					if err != nil {
						t.Errorf("Disconnect: %v", err)
					}
					return
				}
				if !errors.Is(err, smtp.ErrTimeout) || smtp.Code(err) != 10060 && !p.helo {
					t.Errorf("%v, code %d, want a timeout", err, smtp.Code(err))
				}
				if count(evs, events.KindTimeout) != 1 {
					t.Errorf("%v, want one OnTimeout", kindsOf(evs))
				}
			})
		}
	}
}

// raw reports control octets, of any width, that a terminal might obey.
func raw(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u202e' || r == '\u2028' }) ||
		strings.Contains(s, "\x9b")
}

const evil = "\x1b[2J\x00\a\b\u009b\u202e\u2028\x9b31m\r evil"

func TestHostile_H8_ServerTextIsEscapedWhereverItIsPrinted(t *testing.T) {
	hostile := map[string]string{
		"refusal":          "550-5.7.1 " + evil + "\r\n550 5.7.1 " + evil + "\r\n",
		"consent":          "250-" + evil + "\r\n250-" + evil + " 1\r\n250 STARTTLS\r\n",
		"garbage":          evil + "\r\n",
		"garbage later":    "250-" + evil + "\r\n" + evil + "\r\n",
		"mixed":            "250-" + evil + "\r\n550 " + evil + "\r\n",
		"intermediate":     "354 " + evil + "\r\n",
		"too long":         "250 " + strings.Repeat(evil, 400) + "\r\n",
		"a reply too many": "250 " + evil + "\r\n550 " + evil + "\r\n",
	}
	for _, p := range places() {
		for name, text := range hostile {
			bubble(t, p.name+"/"+name, func(t *testing.T) {
				spans := tracetest.NewInMemoryExporter()
				provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
				step := smtptest.SayRaw(text)
				if p.moment == "STARTTLS" && strings.HasPrefix(text, "25") {
					step = smtptest.Then(step, smtptest.Close()) // it took our 2yz for a 220
				}
				srv := memory(t, p.server(step))
				c := p.config(srv)
				c.Retry.MaxAttempts, c.TracerProvider = 1, provider
				var said []string
				say := func(what string, v any) {
					for _, verb := range []string{"%v", "%s", "%+v"} {
						said = append(said, what+": "+fmt.Sprintf(verb, v))
					}
				}
				var s *Session
				c.Hooks = []events.Hook{eventFunc{events.KindStateChange, func(events.Event) { say("snapshot", s.Snapshot()) }}}
				s = newSession(t, c)
				evs, err := p.visit(t, s)
				checkLife(t, evs)
				if err != nil {
					say("error", err)
				}
				say("Err", s.Err())
				say("Capabilities", s.Capabilities())
				for _, e := range evs {
					for _, r := range replies(e) {
						say("reply", r)
					}
				}
				snapshot := s.Snapshot()
				say("snapshot", snapshot)
				say("log", snapshot.LogValue())
				for _, span := range spans.GetSpans() {
					said = append(said, span.Name, span.Status.Description)
					for _, a := range span.Attributes {
						said = append(said, string(a.Key)+"="+a.Value.String())
					}
					if len(span.Events) > 0 {
						t.Errorf("%s has span events", span.Name)
					}
				}
				var log strings.Builder
				slog.New(slog.NewTextHandler(&log, nil)).LogAttrs(context.Background(), slog.LevelInfo, "end", slog.Any("session", snapshot), slog.Any("error", err))
				said = append(said, "slog: "+strings.TrimSuffix(log.String(), "\n"))
				for _, line := range said {
					if raw(line) {
						t.Errorf("raw: %q", line)
					}
				}
			})
		}
	}
}

// replies returns what an event holds of the server's text.
func replies(e events.Event) (all []any) {
	if e, ok := e.(events.OnGreeting); ok {
		all = append(all, e.Reply)
	}
	if e, ok := e.(events.OnHello); ok {
		all = append(all, e.Reply, e.Capabilities)
	}
	if e, ok := e.(events.OnCommand); ok {
		all = append(all, e.Reply, e.Err)
	}
	if e, ok := e.(events.OnDisconnect); ok {
		all = append(all, e.Reply, e.Err)
	}
	if e, ok := e.(events.OnError); ok {
		all = append(all, e.Err)
	}
	if e, ok := e.(events.OnRetry); ok {
		all = append(all, e.Err)
	}
	if e, ok := e.(events.OnTimeout); ok {
		all = append(all, e.Err)
	}
	return all
}
