package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// enterLMTP makes a session that is ready on an LMTP server.
func enterLMTP(t testing.TB, c smtptest.Config, flight Flight) (*Session, *smtptest.Server, func() []events.Event) {
	t.Helper()
	c.LMTP = true
	srv := memory(t, c)
	config := reachLMTP(srv)
	config.Flight = flight
	s := newSession(t, config)
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, srv, evs
}

// reachLMTP returns what reaches srv; a server in memory has port 25, and answers
// at any.
func reachLMTP(srv *smtptest.Server) Config {
	config := reach(srv, None)
	config.RemotePort, config.Dialer, config.LMTP = 24, srv, true
	return config
}

// mailTo is a letter to some.
func mailTo(to ...string) *smtp.Message {
	return &smtp.Message{Mail: smtp.Mail{From: "from@example.org"}, Recipients: smtp.To(to...), Content: strings.NewReader(letter)}
}

// inOrder answers a command, or a recipient's content, with each of replies once;
// "" is the usual.
func inOrder(replies ...string) smtptest.Step {
	steps := make([]smtptest.Step, 0, len(replies)+1)
	for _, r := range replies {
		if r == "" {
			steps = append(steps, smtptest.Usual())
		} else {
			steps = append(steps, smtptest.Say(r))
		}
	}
	return smtptest.Sequence(append(steps, smtptest.Usual())...)
}

// outcomes returns those of a receipt's recipients, a letter each.
func outcomes(r *smtp.Receipt) string {
	var b strings.Builder
	for i := range r.Recipients {
		b.WriteByte(r.Recipients[i].Outcome.String()[0]) // accepted, rejected, not sent, unknown
	}
	return b.String()
}

// verdicts returns the OnRecipient events as "address code".
func verdicts(evs []events.Event) (told []string) {
	for _, e := range evs {
		if e, ok := e.(events.OnRecipient); ok {
			told = append(told, fmt.Sprintf("%s %d", strings.TrimSuffix(e.Address, "@example.net"), e.Reply.Code))
			if (e.Err == nil) != e.Reply.Positive() {
				told = append(told, fmt.Sprintf("with %v", e.Err))
			}
		}
	}
	return told
}

func TestLMTP_LHLOIsSaid(t *testing.T) {
	s, srv, evs := enterLMTP(t, smtptest.Config{}, Envelope)
	if !s.Extended() || !s.Capabilities().Has("PIPELINING") {
		t.Errorf("extended %v, %v", s.Extended(), s.Capabilities())
	}
	leave(t, s, evs)
	wantCommands(t, srv, "LHLO client.test", "NOOP", "QUIT")

	srv = memory(t, smtptest.Config{LMTP: true, Mode: smtptest.StartTLS})
	config := reachLMTP(srv)
	config.Options, config.TLS = SecureExplicit, reach(srv, None).TLS
	if err := linked(t, config).Disconnect(t.Context()); err != nil {
		t.Error(err)
	}
	wantCommands(t, srv, "LHLO client.test", "STARTTLS", "LHLO client.test", "QUIT")
}

// RFC 2033 4.1: there is neither EHLO nor HELO.
func TestLMTP_ARefusedLHLOIsTheEnd(t *testing.T) {
	for _, o := range []Options{None, Extended, SecureExplicit} {
		for reply, permanent := range map[string]bool{"500 5.5.1 what?": true, "502 5.5.1 no": true, "550 5.7.1 not you": true, "450 4.3.2 later": false} {
			t.Run(o.String()+"/"+reply[:3], func(t *testing.T) {
				srv := memory(t, smtptest.Config{LMTP: true, Mode: smtptest.StartTLS, On: map[string]smtptest.Step{"LHLO": smtptest.Say(reply)}})
				config := reachLMTP(srv)
				config.Options = o
				s := newSession(t, config)
				evs := record(t, s)
				err := s.Connect(t.Context())
				e, ok := errors.AsType[*smtp.Error](err)
				if !ok || e.Command != "LHLO" || e.Phase != "ehlo" || fmt.Sprint(e.Reply.Code) != reply[:3] {
					t.Fatalf("%v", err)
				}
				if o == SecureExplicit && permanent {
					if e.Kind != smtp.KindNoTLS {
						t.Errorf("%v", err)
					}
				} else if e.Kind != smtp.KindReply || e.Permanent != permanent {
					t.Errorf("%v", err)
				}
				checkLife(t, evs())
				allClosed(t, srv) // QUIT is not waited for
				wantCommands(t, srv, "LHLO client.test", "QUIT")
			})
		}
	}
}

func TestLMTP_WhatCannotBeIsRefusedBeforeAnyIO(t *testing.T) {
	proxy := &url.URL{Scheme: "socks5", Host: "127.0.0.1:1080"}
	for name, c := range map[string]struct {
		config Config
		with   []ConnectOption
		says   string
	}{
		"no port":                 {Config{LMTP: true, HostName: "127.0.0.1"}, nil, "RemotePort"},
		"port 25":                 {Config{LMTP: true, HostName: "127.0.0.1", RemotePort: 25}, nil, "RemotePort"},
		"port 25 as argument":     {Config{LMTP: true, HostName: "127.0.0.1", RemotePort: 24}, []ConnectOption{WithRemotePort(25)}, "RemotePort"},
		"port 0 as argument":      {Config{LMTP: true, HostName: "127.0.0.1", RemotePort: 24}, []ConnectOption{WithRemotePort(0)}, "RemotePort"},
		"no port, implicit TLS":   {Config{LMTP: true, HostName: "127.0.0.1", Options: SecureImplicit}, nil, "RemotePort"},
		"no path":                 {Config{LMTP: true, Network: "unix"}, nil, "HostName"},
		"no path, and no LMTP":    {Config{Network: "unix"}, nil, "HostName"},
		"NUL in the path":         {Config{Network: "unix", HostName: "/run/l\x00mtp"}, nil, "path of the unix socket"},
		"NUL in the argument":     {Config{Network: "unix"}, []ConnectOption{WithRemoteHost("\x00")}, "path of the unix socket"},
		"line end in the path":    {Config{Network: "unix", HostName: "/run/lmtp\r\n"}, nil, "path of the unix socket"},
		"HostAddress":             {Config{Network: "unix", HostName: "/run/lmtp", HostAddress: "127.0.0.1"}, nil, "HostAddress"},
		"Proxy":                   {Config{Network: "unix", HostName: "/run/lmtp", Proxy: proxy}, nil, "Proxy"},
		"port over 65535":         {Config{Network: "unix", HostName: "/run/lmtp", RemotePort: 65536}, nil, "RemotePort"},
		"udp":                     {Config{Network: "udp", HostName: "127.0.0.1"}, nil, "Network"},
		"tcp4":                    {Config{Network: "tcp4", HostName: "127.0.0.1"}, nil, "Network"},
		"unix in capital letters": {Config{Network: "UNIX", HostName: "/run/lmtp"}, nil, "Network"},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Dialer, c.config.Resolver = noDial(t), noLookUp(t)
			s := newSession(t, c.config)
			evs := record(t, s)
			err := s.Connect(t.Context(), c.with...)
			if !errors.Is(err, smtp.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want it to say %q", err, c.says)
			}
			all := evs()
			checkLife(t, all)
			if k := kindsOf(all); !slices.Equal(k, []events.Kind{events.KindError}) {
				t.Errorf("events %v", k)
			}
		})
	}
}

func TestLMTP_ABlankPathIsNoPath(t *testing.T) {
	s := newSession(t, Config{Network: "unix", HostName: " ", Dialer: noDial(t)})
	if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

// By an option that is blank nothing is given, as on TCP.
func TestLMTP_ABlankRemoteHostLeavesHostName(t *testing.T) {
	p, err := planOf(&Config{Network: "unix", HostName: "/run/lmtp"}, WithRemoteHost(""))
	if err != nil || p.socket != "/run/lmtp" {
		t.Errorf("%q, %v", p.socket, err)
	}
}

func TestLMTP_OnAUnixSocket(t *testing.T) {
	for _, lmtp := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "s")
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		srv, err := smtptest.Serve(ln, smtptest.Config{LMTP: lmtp, On: map[string]smtptest.Step{"CONTENT": inOrder("", "550 5.1.1 no")}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = srv.Close() })
		s := newSession(t, Config{Network: "unix", HostName: path, RemotePort: 25, LMTP: lmtp, Options: Extended, LocalName: "client.test", Resolver: noLookUp(t)})
		evs := record(t, s)
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := "aa"
		if lmtp {
			want = "ar"
		}
		if r, _ := s.Send(t.Context(), mailTo("a@example.net", "b@example.net")); outcomes(r) != want {
			t.Errorf("LMTP %v: %+v", lmtp, r.Recipients)
		}
		leave(t, s, evs)
		if m := srv.Messages(); len(m) != 1 || string(m[0].Content) != letter {
			t.Errorf("LMTP %v: messages %+v", lmtp, m)
		}
	}
}

// H17, for RCPT and for the end of the content. An address that stands twice is
// answered twice.
func TestLMTP_H17_EachRecipientHasItsOwnOutcome(t *testing.T) {
	to := []string{"a@example.net", "unknown@example.net", "full@example.net", "gone@example.net", "a@example.net"}
	for offered, keywords := range keywordSets() {
		for _, flight := range []Flight{Envelope, Full, Single} {
			for from, content := range contents(letter) {
				t.Run(fmt.Sprint(offered, "/", flight, "/", from), func(t *testing.T) {
					s, srv, evs := enterLMTP(t, smtptest.Config{Keywords: keywords, On: map[string]smtptest.Step{
						"RCPT":    inOrder("", "550 5.1.1 unknown"),
						"CONTENT": inOrder("", "452 4.2.2 full", "550 5.2.1 gone", "250 2.0.0 queued as LAST"),
					}}, flight)
					m := mailTo(to...)
					m.Content = content()
					r, err := s.Send(t.Context(), m)
					if r.Outcome != smtp.Accepted || outcomes(r) != "arrra" || !errors.Is(err, smtp.ErrSomeRefused) || smtp.SafeToRetry(err) {
						t.Errorf("%v: %v, %+v", err, r.Outcome, r.Recipients)
					}
					for i, code := range []int{250, 550, 452, 550, 250} {
						got := &r.Recipients[i]
						if got.Address != to[i] || got.Reply.Code != code || (got.Err == nil) != (code == 250) || got.Err != nil && smtp.Code(got.Err) != code {
							t.Errorf("recipient %d: %+v, %v", i, got, got.Err)
						}
					}
					if r.Chunked != slices.Contains(keywords, "CHUNKING") || r.Cause != nil {
						t.Errorf("chunked %v, cause %v", r.Chunked, r.Cause)
					}
					if again, err := s.Send(t.Context(), mailTo("b@example.net")); err != nil || again.Outcome != smtp.Accepted {
						t.Errorf("again: %v", err)
					}
					all := leave(t, s, evs)
					want := []string{"a 250", "unknown 550", "full 250", "gone 250", "a 250", "a 250", "full 452", "gone 550", "a 250", "b 250", "b 250"}
					if got := verdicts(all); !slices.Equal(got, want) {
						t.Errorf("told %q, want %q", got, want)
					}
					if count(all, events.KindMessage) != 2 || said(srv, "RSET") != 0 {
						t.Errorf("%v, %q", kindsOf(all), srv.Commands())
					}
					got := srv.Messages()
					if len(got) != 2 || !slices.Equal(got[0].To, []string{to[0], to[4]}) || string(got[0].Content) != letter {
						t.Errorf("messages %+v", got)
					}
				})
			}
		}
	}
}

// What is refused after the content says where, as what is refused before.
func TestLMTP_ARecipientsErrorNamesPhaseAndCommand(t *testing.T) {
	for _, command := range []string{".", "BDAT"} {
		s, _, _ := enterLMTP(t, smtptest.Config{Keywords: keywordSets()[map[string]string{".": "neither", "BDAT": "CHUNKING"}[command]],
			On: map[string]smtptest.Step{"CONTENT": smtptest.Say("550 5.1.1 no")}}, Envelope)
		r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net"))
		if r.Outcome != smtp.Rejected || outcomes(r) != "rr" {
			t.Errorf("%+v", r.Recipients)
		}
		for i, err := range []error{r.Recipients[0].Err, r.Recipients[1].Err, err} {
			e, ok := errors.AsType[*smtp.Error](err)
			if !ok || e.Phase != "mail" || e.Command != command || !e.Permanent || e.Kind != smtp.KindReply {
				t.Errorf("%d: phase %q, command %q, want %q: %v", i, e.Phase, e.Command, command, err)
			}
		}
	}
}

// The message was accepted, so its reply and its queue id are those of an
// acceptance, whoever was refused after it.
func TestLMTP_TheMessagesReplyIsOneThatDecided(t *testing.T) {
	for _, c := range []struct {
		replies []string
		code    int
		id      string
	}{
		{[]string{"250 2.0.0 queued as ONE", "250 2.0.0 queued as TWO"}, 250, "TWO"},
		{[]string{"550 5.1.1 no", "250 2.0.0 queued as TWO"}, 250, "TWO"},
		{[]string{"250 2.0.0 queued as ONE", "452 4.2.2 full"}, 250, "ONE"},
		{[]string{"250 2.0.0 queued as ONE", "421 4.3.2 bye"}, 250, "ONE"},
		{[]string{"452 4.2.2 full", "550 5.1.1 no"}, 550, ""},
	} {
		s, _, _ := enterLMTP(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": inOrder(c.replies...)}}, Envelope)
		r, _ := s.Send(t.Context(), mailTo("a@example.net", "b@example.net"))
		if r.Reply.Code != c.code || r.QueueID != c.id {
			t.Errorf("%q: reply %v, queue id %q", c.replies, r.Reply, r.QueueID)
		}
	}
}

// RFC 2033 4.2: then DATA gets 503, and content has no reply.
func TestLMTP_NobodyAcceptedAndNoContentLeaves(t *testing.T) {
	for offered, keywords := range keywordSets() {
		for _, flight := range []Flight{Envelope, Full, Single} {
			bubble(t, fmt.Sprint(offered, "/", flight), func(t *testing.T) {
				s, srv, evs := enterLMTP(t, smtptest.Config{Keywords: keywords, On: map[string]smtptest.Step{"RCPT": inOrder("550 5.1.1 no", "450 4.2.1 later")}}, flight)
				r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net"))
				if r.Outcome != smtp.Rejected || outcomes(r) != "rr" || smtp.Code(err) != 450 || !smtp.SafeToRetry(err) {
					t.Errorf("%v: %+v", err, r.Recipients)
				}
				if r, err := s.Send(t.Context(), mailTo("c@example.net")); err != nil {
					t.Errorf("%v: %+v", err, r)
				}
				leave(t, s, evs)
				if said(srv, "RSET") != 1 || said(srv, "BDAT") > 1 || len(srv.Messages()) != 1 {
					t.Errorf("%q", srv.Commands())
				}
			})
		}
	}
}

// H18 for LMTP: a lone dot would have no answer.
func TestLMTP_H18_A354ForNobodyClosesTheSession(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s, srv, evs := enterLMTP(t, smtptest.Config{Keywords: []string{"PIPELINING"}, On: map[string]smtptest.Step{
			"RCPT": smtptest.Say("550 5.1.1 no"), "DATA": smtptest.Say("354 go")}}, Envelope)
		r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net"))
		if r.Outcome != smtp.Rejected || outcomes(r) != "rr" || err == nil {
			t.Errorf("%v: %+v", err, r)
		}
		<-s.Done()
		e, ok := errors.AsType[*smtp.Error](s.Err())
		if !ok || e.Kind != smtp.KindProtocol || e.Command != "DATA" || e.Phase != "mail" {
			t.Errorf("%v", s.Err())
		}
		checkLife(t, evs())
		allClosed(t, srv)
		wantCommands(t, srv, "LHLO client.test", "MAIL FROM:<from@example.org>", "RCPT TO:<a@example.net>", "RCPT TO:<b@example.net>", "DATA")
	})
}

// H11, H12, H16: what ends the session while the recipients' replies come.
func TestLMTP_H16_WhatWasAnsweredStandsAndTheRestIsUnknown(t *testing.T) {
	faults := faults()
	faults = append(faults, fault{"half a reply", smtptest.Then(smtptest.SayRaw("250 2.0"), smtptest.Close()), smtp.KindLost, 0, false})
	faults = slices.DeleteFunc(faults, func(f fault) bool { return f.kind == smtp.KindReply && f.code != 421 })
	for _, f := range faults {
		for _, offered := range []string{"neither", "both"} {
			for _, flight := range []Flight{Envelope, Full} {
				for answered, first := range []string{"", "a", "ar", "ara"} {
					bubble(t, fmt.Sprint(f.name, "/", offered, "/", flight, "/after ", answered), func(t *testing.T) {
						step := func(c *smtptest.Conn) { // RST discards what was not read
							_ = c.Write("")
							<-time.After(time.Second)
							f.step(c)
						}
						steps := []smtptest.Step{smtptest.Usual(), smtptest.Say("552 5.2.2 full"), smtptest.Usual()}
						steps = append(steps[:answered:answered], step)
						s, srv, evs := enterLMTP(t, smtptest.Config{Keywords: keywordSets()[offered], On: map[string]smtptest.Step{"CONTENT": smtptest.Sequence(steps...)}}, flight)
						begun := time.Now()
						r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net", "c@example.net", "d@example.net", "e@example.net"))
						rest, whole := "u", smtp.Unknown
						if f.code == 421 {
							rest, whole = "r", smtp.Rejected
							if answered > 0 {
								whole = smtp.Accepted
							}
						}
						if want := first + strings.Repeat(rest, 5-answered); outcomes(r) != want || r.Outcome != whole {
							t.Errorf("%v, recipients %q, want %v, %q: %v", r.Outcome, outcomes(r), whole, want, err)
						}
						if safe := smtp.SafeToRetry(err); safe != (whole == smtp.Rejected) {
							t.Errorf("safe to retry: %v: %v", safe, err)
						}
						lost := &r.Recipients[4]
						if e, ok := errors.AsType[*smtp.Error](lost.Err); !ok || e.Kind != f.kind || e.Phase != "mail" || e.Command == "" {
							t.Errorf("the last: %v, want %v", lost.Err, f.kind)
						}
						if f.kind == smtp.KindTimeout && time.Since(begun) != 10*time.Minute {
							t.Errorf("after %v", time.Since(begun))
						}
						<-s.Done()
						if e, ok := errors.AsType[*smtp.Error](s.Err()); !ok || e.Kind != f.kind {
							t.Errorf("the session ended by %v", s.Err())
						}
						all := evs()
						checkLife(t, all)
						if n := len(verdicts(all)); n < 5+answered || count(all, events.KindMessage) != 1 {
							t.Errorf("told %q", verdicts(all))
						}
						allClosed(t, srv)
						kept := 0
						for _, m := range srv.Messages() {
							kept = len(m.To)
						}
						if want := strings.Count(first, "a"); kept < want || rest == "r" && kept > want {
							t.Errorf("the server has it for %d, want %d", kept, want)
						}
						if said(srv, "QUIT") != 0 || said(srv, "RSET") != 0 {
							t.Errorf("%q", srv.Commands())
						}
					})
				}
			}
		}
	}
}

// A 421 answers for all who are left, so it is told of each.
func TestLMTP_A421IsToldOfEachWhoIsLeft(t *testing.T) {
	s, _, evs := enterLMTP(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": inOrder("", "421 4.3.2 bye")}}, Envelope)
	_, _ = s.Send(t.Context(), mailTo("a@example.net", "b@example.net", "c@example.net"))
	<-s.Done()
	want := []string{"a 250", "b 250", "c 250", "a 250", "b 421", "c 421"}
	if got := verdicts(evs()); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestLMTP_H16_CancelAndCloseInTheMiddleOfTheReplies(t *testing.T) {
	for _, way := range ways()[:3] {
		bubble(t, way.name, func(t *testing.T) {
			s, srv, evs := enterLMTP(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": smtptest.Sequence(smtptest.Usual(), smtptest.Silence())}}, Envelope)
			ctx, end := way.begin(s, time.Minute)
			done := make(chan struct{})
			go func() {
				defer close(done)
				<-time.After(time.Minute)
				_ = end()
			}()
			begun := time.Now()
			r, err := s.Send(ctx, mailTo("a@example.net", "b@example.net", "c@example.net"))
			if r.Outcome != smtp.Unknown || outcomes(r) != "auu" || smtp.SafeToRetry(err) || time.Since(begun) != time.Minute {
				t.Errorf("after %v: %v, %+v", time.Since(begun), err, r.Recipients)
			}
			for _, is := range way.is {
				if !errors.Is(err, is) || !errors.Is(r.Recipients[2].Err, is) || r.Recipients[0].Err != nil {
					t.Errorf("%v, of a recipient %v, want %v", err, r.Recipients[2].Err, is)
				}
			}
			<-done
			<-s.Done()
			checkLife(t, evs())
			allClosed(t, srv)
		})
	}
}

// Each reply may take the whole of its time.
func TestLMTP_EveryReplyHasItsOwnTime(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s, _, evs := enterLMTP(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": later(9*time.Minute, "250 ok\r\n")}}, Envelope)
		r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net", "c@example.net"))
		if err != nil || outcomes(r) != "aaa" || r.Ended.Sub(r.Began) != 27*time.Minute {
			t.Errorf("%v: %+v, %v", err, r, r.Ended.Sub(r.Began))
		}
		leave(t, s, evs)
	})
}

// H14: the message was answered before, and the session is not used again.
func TestLMTP_H14_AReplyTooManyEndsTheSession(t *testing.T) {
	for name, last := range map[string]smtptest.Step{
		"at once":    smtptest.SayRaw("250 you\r\n250 and who?\r\n"),
		"afterwards": smtptest.Then(smtptest.SayRaw("250 you\r\n"), later(time.Minute, "250 and who?\r\n")),
	} {
		bubble(t, name, func(t *testing.T) {
			s, srv, evs := enterLMTP(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": smtptest.Sequence(smtptest.Usual(), last)}}, Envelope)
			r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net"))
			if err != nil || outcomes(r) != "aa" {
				t.Errorf("%v: %+v", err, r.Recipients)
			}
			<-s.Done()
			if !errors.Is(s.Err(), smtp.ErrProtocol) {
				t.Errorf("%v", s.Err())
			}
			checkLife(t, evs())
			allClosed(t, srv)
			if said(srv, "NOOP") != 0 || said(srv, "QUIT") != 0 {
				t.Errorf("%q", srv.Commands())
			}
		})
	}
}

// The full flight would put content behind a RCPT that may be refused, and then it
// has no reply.
func TestLMTP_FlightsAreTheEnvelopesAtMost(t *testing.T) {
	for offered, want := range map[string]map[Flight]int{
		"both":       {Full: 2, Envelope: 2, Single: 3},
		"PIPELINING": {Full: 2, Envelope: 2, Single: 4},
		"CHUNKING":   {Full: 3, Envelope: 3, Single: 3},
		"neither":    {Full: 4, Envelope: 4, Single: 4},
	} {
		for flight, trips := range want {
			s, _, _ := enterLMTP(t, smtptest.Config{Keywords: keywordSets()[offered]}, flight)
			if r, err := s.Send(t.Context(), mailTo("a@example.net")); err != nil || r.Flights != trips {
				t.Errorf("%s, %v: %d round trips, want %d; %v", offered, flight, r.Flights, trips, err)
			}
		}
	}
}

// A chunk before the last has one reply, and its refusal is everybody's.
func TestLMTP_ARefusedChunkIsForAll(t *testing.T) {
	s, srv, evs := enterLMTP(t, smtptest.Config{Keywords: keywordSets()["both"], On: map[string]smtptest.Step{
		"BDAT": inOrder("", "552 5.3.4 too large")}}, Envelope)
	m := mailTo("a@example.net", "b@example.net")
	m.Content = io.MultiReader(strings.NewReader(strings.Repeat("a line of twenty.....\r\n", 100_000)))
	r, err := s.Send(t.Context(), m)
	if r.Outcome != smtp.Rejected || outcomes(r) != "rr" || smtp.Code(err) != 552 {
		t.Errorf("%v: %+v", err, r.Recipients)
	}
	if r, err := s.Send(t.Context(), mailTo("c@example.net")); err != nil {
		t.Errorf("%v: %+v", err, r)
	}
	leave(t, s, evs)
	if said(srv, "RSET") != 1 || len(srv.Messages()) != 1 {
		t.Errorf("%q", srv.Commands())
	}
}

func TestLMTP_ARefusedDATAIsForAll(t *testing.T) {
	s, _, evs := enterLMTP(t, smtptest.Config{Keywords: keywordSets()["PIPELINING"], On: map[string]smtptest.Step{"DATA": inOrder("451 4.3.0 later")}}, Envelope)
	r, err := s.Send(t.Context(), mailTo("a@example.net", "b@example.net"))
	if r.Outcome != smtp.Rejected || outcomes(r) != "rr" || smtp.Code(err) != 451 || !smtp.SafeToRetry(err) {
		t.Errorf("%v: %+v", err, r.Recipients)
	}
	leave(t, s, evs)
}

// The policy is about RCPT: what one recipient's content was answered cannot be
// taken back from another.
func TestLMTP_AllOrNothing(t *testing.T) {
	s, srv, evs := enterLMTP(t, smtptest.Config{On: map[string]smtptest.Step{
		"RCPT": inOrder("", "550 5.1.1 no"), "CONTENT": inOrder("", "550 5.7.1 no")}}, Envelope)
	m := mailTo("a@example.net", "b@example.net")
	m.Policy = smtp.AllOrNothing
	if r, err := s.Send(t.Context(), m); r.Outcome != smtp.NotSent || outcomes(r) != "nr" || !errors.Is(err, smtp.ErrSomeRefused) {
		t.Errorf("%v: %+v", err, r.Recipients)
	}
	m = mailTo("a@example.net", "b@example.net")
	m.Policy = smtp.AllOrNothing
	if r, err := s.Send(t.Context(), m); r.Outcome != smtp.Accepted || outcomes(r) != "ar" || !errors.Is(err, smtp.ErrSomeRefused) {
		t.Errorf("%v: %+v", err, r.Recipients)
	}
	leave(t, s, evs)
	if m := srv.Messages(); len(m) != 1 || len(m[0].To) != 1 || said(srv, "RSET") != 1 {
		t.Errorf("%+v, %q", m, srv.Commands())
	}
}

func TestLMTP_ATransactionHasTheSameOutcomes(t *testing.T) {
	for offered, keywords := range keywordSets() {
		for _, text := range []string{letter, "", strings.Repeat("twenty octets a line\r\n", 40_000)} {
			t.Run(fmt.Sprintf("%s/%d octets", offered, len(text)), func(t *testing.T) {
				s, srv, evs := enterLMTP(t, smtptest.Config{Keywords: keywords, On: map[string]smtptest.Step{
					"RCPT": inOrder("", "550 5.1.1 no"), "CONTENT": inOrder("", "452 4.2.2 full")}}, Envelope)
				tx := begin(t, s)
				for _, to := range []string{"a@example.net", "b@example.net", "c@example.net", "d@example.net"} {
					_ = tx.AddRecipient(t.Context(), smtp.Recipient{Address: to})
				}
				if _, err := io.WriteString(tx, text); err != nil {
					t.Error(err)
				}
				r, err := tx.Commit(t.Context())
				if r.Outcome != smtp.Accepted || outcomes(r) != "arra" || !errors.Is(err, smtp.ErrSomeRefused) || r.Recipients[2].Reply.Code != 452 {
					t.Errorf("%v: %+v", err, r.Recipients)
				}
				all := leave(t, s, evs)
				want := []string{"a 250", "b 550", "c 250", "d 250", "a 250", "c 452", "d 250"}
				if got := verdicts(all); !slices.Equal(got, want) {
					t.Errorf("told %q, want %q", got, want)
				}
				if m := srv.Messages(); len(m) != 1 || string(m[0].Content) != text || len(m[0].To) != 2 || said(srv, "RSET") != 0 {
					t.Errorf("%d messages, %q", len(m), srv.Commands())
				}
			})
		}
	}
}

func TestLMTP_ATransactionThatNobodyIsToGetSendsNoContent(t *testing.T) {
	s, srv, evs := enterLMTP(t, smtptest.Config{On: map[string]smtptest.Step{"RCPT": smtptest.Say("550 5.1.1 no")}}, Envelope)
	tx := begin(t, s)
	_ = tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"})
	_, _ = io.WriteString(tx, letter)
	if r, err := tx.Commit(t.Context()); r.Outcome != smtp.Rejected || smtp.Code(err) != 550 {
		t.Errorf("%v: %+v", err, r)
	}
	leave(t, s, evs)
	if said(srv, "DATA")+said(srv, "BDAT") != 0 {
		t.Errorf("%q", srv.Commands())
	}
}

func TestLMTP_H16_ATransactionLostInTheMiddleOfTheReplies(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s, srv, evs := enterLMTP(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": smtptest.Sequence(smtptest.Usual(), smtptest.Close())}}, Envelope)
		tx := begin(t, s)
		for _, to := range []string{"a@example.net", "b@example.net", "c@example.net"} {
			if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: to}); err != nil {
				t.Error(err)
			}
		}
		_, _ = io.WriteString(tx, letter)
		r, err := tx.Commit(context.Background())
		if r.Outcome != smtp.Unknown || outcomes(r) != "auu" || !errors.Is(err, smtp.ErrLost) {
			t.Errorf("%v: %+v", err, r.Recipients)
		}
		<-s.Done()
		if s.State() != fsm.Closed {
			t.Errorf("%v", s.State())
		}
		checkLife(t, evs())
		allClosed(t, srv)
	})
}
