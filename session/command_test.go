package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// commands are the methods that say one line.
func commands() map[string]func(context.Context, *Session) (smtp.Reply, error) {
	only := func(f func(*Session, context.Context) error) func(context.Context, *Session) (smtp.Reply, error) {
		return func(ctx context.Context, s *Session) (smtp.Reply, error) { return smtp.Reply{}, f(s, ctx) }
	}
	return map[string]func(context.Context, *Session) (smtp.Reply, error){
		"NOOP":             only((*Session).Noop),
		"RSET":             only((*Session).Reset),
		"VRFY ann":         func(ctx context.Context, s *Session) (smtp.Reply, error) { return s.Verify(ctx, "ann") },
		"EXPN team":        func(ctx context.Context, s *Session) (smtp.Reply, error) { return s.Expand(ctx, "team") },
		"HELP":             func(ctx context.Context, s *Session) (smtp.Reply, error) { return s.Help(ctx, "") },
		"HELP MAIL":        func(ctx context.Context, s *Session) (smtp.Reply, error) { return s.Help(ctx, "MAIL") },
		"etrn example.org": func(ctx context.Context, s *Session) (smtp.Reply, error) { return s.Command(ctx, "etrn example.org") },
		"XNOTE grüße @1 ~!": func(ctx context.Context, s *Session) (smtp.Reply, error) {
			return s.Command(ctx, "XNOTE grüße @1 ~!")
		},
	}
}

func TestCommand_SaysItsLineAndReturnsTheReply(t *testing.T) {
	for line, call := range commands() {
		verb, argument, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		for _, c := range []struct {
			reply     string
			code      int
			kind      smtp.Kind
			permanent bool
			survives  bool
		}{
			{"250 2.0.0 fine", 250, 0, false, true},
			{"252 2.1.5 will try", 252, 0, false, true}, // of VRFY no error
			{"214-one\r\n214 two", 214, 0, false, true},
			{"450 4.2.0 later", 450, smtp.KindReply, false, true},
			{"502 5.5.1 what?", 502, smtp.KindReply, true, true},
			{"421 4.3.2 bye", 421, smtp.KindReply, false, false},
			{"354 go on", 354, smtp.KindProtocol, false, false},
			{"334 go on", 334, smtp.KindProtocol, false, false},
		} {
			t.Run(line+"/"+c.reply[:3], func(t *testing.T) {
				s, srv, evs := enter(t, smtptest.Config{On: map[string]smtptest.Step{verb: smtptest.Sequence(smtptest.Say(c.reply), smtptest.Say("250 ok"))}}, Extended)
				r, err := call(t.Context(), s)
				e, failed := errors.AsType[*smtp.Error](err)
				if failed != (c.kind != 0) {
					t.Fatalf("%v, %v", r, err)
				}
				if failed && (e.Kind != c.kind || e.Permanent != c.permanent || e.Command != verb || e.Phase != "ready" || e.Reply.Code != c.code) {
					t.Errorf("%#v", e)
				}
				if !strings.HasPrefix(line, "NOOP") && !strings.HasPrefix(line, "RSET") && r.Code != c.code {
					t.Errorf("the reply is %v", r)
				}
				var all []events.Event
				if c.survives {
					all = leave(t, s, evs)
				} else {
					<-s.Done()
					all = evs()
					checkLife(t, all)
				}
				if said(srv, line) < 1 {
					t.Errorf("%q", srv.Commands())
				}
				for _, e := range all {
					e, ok := e.(events.OnCommand)
					if !ok || e.Verb != verb {
						continue
					}
					if e.Reply.Code != c.code && e.Reply.Code != 250 || e.Err == nil != (e.Reply.Code/100 == 2) {
						t.Errorf("%+v", e)
					}
					if argument != "" && strings.Contains(fmt.Sprintf("%+v", e), argument) {
						t.Errorf("the event shows the argument: %+v", e)
					}
				}
				if count(all, events.KindCommand) == 0 {
					t.Error("no OnCommand")
				}
			})
		}
	}
}

// H4, invariant 6: nothing reaches the wire, and the session is unhurt.
func TestCommand_H4_RefusedBeforeAByteIsSent(t *testing.T) {
	refused := map[string]string{
		"":                                 "verb",
		" NOOP":                            "verb",
		"NOOP\r\nMAIL FROM:<>":             "control character at octet 4",
		"NOOP\nQUIT":                       "control",
		"NOOP\x00":                         "control",
		"NOOP\tx":                          "control",
		"NOOP \x1b[2J":                     "control",
		"NOOP \x7f":                        "control",
		"NOOP \u0085":                      "control",
		"NOOP \xff":                        "UTF-8",
		"NOOP " + strings.Repeat("x", 506): "513 octets",
		"MAIL\u00a0FROM:<>":                "verb",
		"MAIL:FROM":                        "verb",
		"ＭＡＩＬ FROM:<>":                     "verb",
	}
	for _, verb := range []string{
		"MAIL", "RCPT", "DATA", "BDAT", "BURL", "RSET", "EHLO", "HELO", "LHLO", "STARTTLS", "AUTH", "QUIT", "XCLIENT", "TURN", "ATRN", "SEND", "SOML", "SAML",
	} {
		refused[verb], refused[verb+" x"], refused[strings.ToLower(verb)+" FROM:<a@b>"] = "session", "session", "session"
	}
	s, srv, evs := enter(t, smtptest.Config{}, Extended)
	for line, says := range refused {
		if _, err := s.Command(t.Context(), line); !errors.Is(err, smtp.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q in it", line, err, says)
		}
	}
	for _, argument := range []string{"", " ", "a\r\nQUIT", "a\x00", strings.Repeat("x", 506)} {
		for verb, call := range map[string]func(context.Context, string) (smtp.Reply, error){"VRFY": s.Verify, "EXPN": s.Expand, "HELP": s.Help} {
			_, err := call(t.Context(), argument)
			if verb == "HELP" && argument == "" {
				continue
			}
			if e, ok := errors.AsType[*smtp.Error](err); !ok || e.Kind != smtp.KindInvalid || e.Command != verb {
				t.Errorf("%s %q: %v", verb, argument, err)
			}
		}
	}
	leave(t, s, evs)
	want := []string{"EHLO client.test", "HELP", "NOOP", "QUIT"}
	wantCommands(t, srv, want...)
}

func TestCommand_TheLongestLine(t *testing.T) {
	s, srv, evs := enter(t, smtptest.Config{On: map[string]smtptest.Step{"XLONG": smtptest.Say("250 ok")}}, Extended)
	line := "XLONG " + strings.Repeat("x", 504) // 512 with CRLF
	if _, err := s.Command(t.Context(), line); err != nil || !slices.Contains(srv.Commands(), line) {
		t.Errorf("%v, %q", err, srv.Commands())
	}
	leave(t, s, evs)
}

// A command's hooks stand in the caller's context, and know the session.
func TestCommand_HooksKnowTheRequest(t *testing.T) {
	type key struct{}
	type start struct {
		value any
		events.CommandStart
	}
	var starts []start
	h := &commandHook{start: func(ctx context.Context, s events.CommandStart) { starts = append(starts, start{ctx.Value(key{}), s}) }}
	srv := loopback(t, licensed(smtptest.Implicit, "LOGIN"))
	config := reach(srv, Extended|SecureImplicit)
	config.Hooks = []events.Hook{h}
	s := linked(t, config)
	ctx := context.WithValue(t.Context(), key{}, "caller's")
	if err := s.Noop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Authenticate(ctx, credentials("LOGIN", "")...); err != nil {
		t.Fatal(err)
	}
	_ = s.Disconnect(t.Context())
	var got []string
	for _, s := range starts {
		got = append(got, fmt.Sprintf("%s %v %v", s.Verb, s.value, s.Request != nil))
	}
	want := []string{"EHLO <nil> false", "NOOP caller's true", "AUTH caller's false", "AUTH caller's false", "AUTH caller's false", "QUIT <nil> false"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if r := starts[1].Request; r.Session != s.ID() || r.Host != srv.Host() || r.Port != srv.Port() || r.Peer.Port() != uint16(srv.Port()) || r.Connect != nil {
		t.Errorf("%+v", r)
	}
	for _, e := range h.ends {
		if e.Reply.Code == 334 && (e.Reply.Text != "" || e.Err != nil) {
			t.Errorf("a challenge is told: %+v", e)
		}
	}
}

type commandHook struct {
	start func(context.Context, events.CommandStart)
	ends  []events.CommandEnd
}

func (h *commandHook) CommandStart(ctx context.Context, s events.CommandStart) context.Context {
	h.start(ctx, s)
	return ctx
}

func (h *commandHook) CommandEnd(_ context.Context, e events.CommandEnd) { h.ends = append(h.ends, e) }

// A command waits for its turn behind another, and each gets its own reply.
func TestCommand_FirstInFirstOut(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{
			"VRFY": later(time.Second, "252 perhaps\r\n"), "EXPN": smtptest.Say("250 team"), "HELP": smtptest.Say("214 help"),
		}})
		s, evs := connected(t, Config{HostName: srv.Host(), Dialer: srv, LocalName: "client.test"})
		var calls sync.WaitGroup
		for i, call := range []func() (smtp.Reply, error){
			func() (smtp.Reply, error) { return s.Verify(t.Context(), "ann") },
			func() (smtp.Reply, error) { return s.Expand(t.Context(), "team") },
			func() (smtp.Reply, error) { return s.Help(t.Context(), "") },
		} {
			calls.Go(func() {
				if r, err := call(); err != nil || r.Code != []int{252, 250, 214}[i] {
					t.Errorf("%v, %v", r, err)
				}
			})
			synctest.Wait() // the first one runs, the others wait
		}
		calls.Wait()
		leave(t, s, evs)
		wantCommands(t, srv, "HELO client.test", "VRFY ann", "EXPN team", "HELP", "NOOP", "QUIT")
	})
}
