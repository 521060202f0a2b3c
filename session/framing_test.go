package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestHostile_H11_AReplyCutAnywhereIsNeverSuccess(t *testing.T) {
	for _, p := range places() {
		for n := range len(p.reply) {
			bubble(t, fmt.Sprintf("%s/%d of %d octets", p.name, n, len(p.reply)), func(t *testing.T) {
				srv := memory(t, p.server(smtptest.Then(smtptest.SayRaw(p.reply[:n]), smtptest.Close())))
				c := p.config(srv)
				c.Retry.MaxAttempts = 1
				s := newSession(t, c)
				evs, err := p.visit(t, s)
				checkLife(t, evs)
				if p.isQuit() { // the end of the connection is all that QUIT asks for
					if err != nil || !errors.Is(s.Err(), smtp.ErrClosed) {
						t.Errorf("Disconnect: %v, Err: %v", err, s.Err())
					}
					return
				}
				var e *smtp.Error
				if !errors.As(err, &e) || e.Kind != smtp.KindLost || e.Phase != p.phase.String() {
					t.Fatalf("%v, want a connection lost in %v", err, p.phase)
				}
				if last, ok := evs[len(evs)-1].(events.OnDisconnect); ok && last.Reason != events.Remote {
					t.Errorf("the reason is %v, want remote", last.Reason)
				}
				allClosed(t, srv)
			})
		}
	}
}

func TestHostile_H13_HoweverRepliesAreCutIntoWritesTheEventsAreTheSame(t *testing.T) {
	lives := map[smtptest.Fragment][]string{}
	for _, cut := range []smtptest.Fragment{smtptest.Whole, smtptest.PerLine, smtptest.PerOctet} {
		bubble(t, fmt.Sprint(cut), func(t *testing.T) {
			srv := memory(t, smtptest.Config{Mode: smtptest.StartTLS, Fragment: cut, On: map[string]smtptest.Step{
				"GREETING": smtptest.Say("220-smtptest.test\r\n220-ESMTP\r\n220"),
				"NOOP":     smtptest.Sequence(smtptest.Usual(), smtptest.Say("550-5.7.1 no\r\n550-5.7.1 really\r\n550 5.7.1 not")),
			}})
			c := places()[5].config(srv)
			c.Options |= Extended
			s := newSession(t, c)
			evs := record(t, s)
			if err := s.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Noop(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Noop(t.Context()); smtp.Code(err) != 550 {
				t.Error(err)
			}
			if err := s.Disconnect(t.Context()); err != nil {
				t.Error(err)
			}
			all := evs()
			checkLife(t, all)
			for _, e := range all {
				var line strings.Builder
				line.WriteString(describe(e))
				for _, r := range replies(e) {
					line.WriteString(fmt.Sprintf(" %v", r))
				}
				lives[cut] = append(lives[cut], line.String())
			}
		})
	}
	for cut, life := range lives {
		if !slices.Equal(life, lives[smtptest.Whole]) {
			t.Errorf("%v:\n%q\nwhole:\n%q", cut, life, lives[smtptest.Whole])
		}
	}
}

// In each place two replies come where one is due, in one segment.
func TestHostile_H14_AReplyTooManyEndsTheSession(t *testing.T) {
	for _, p := range places() {
		if p.isQuit() {
			continue // nothing is read after it
		}
		bubble(t, p.name, func(t *testing.T) {
			srv := memory(t, p.server(smtptest.SayRaw(p.reply+"250 again\r\n")))
			s := newSession(t, p.config(srv))
			evs := record(t, s)
			err := s.Connect(t.Context())
			if err == nil && p.asks() {
				within := p.phase == fsm.Mail && p.moment != "CONTENT" // then the message has more to say and meets it
				if err := p.ask(t.Context(), s); err != nil && !within {
					t.Errorf("the first reply is a good one: %v", err)
				}
			}
			said := len(srv.Commands())
			if err == nil { // the last reply of the connect: the session is ready, and gone
				<-s.Done()
				err = s.Err()
				if err := s.Noop(t.Context()); !errors.Is(err, smtp.ErrNotConnected) {
					t.Errorf("a NOOP then: %v", err)
				}
			}
			if !errors.Is(err, smtp.ErrProtocol) {
				t.Errorf("%v, want a protocol error", err)
			}
			checkLife(t, evs())
			allClosed(t, srv)
			if commands := srv.Commands(); len(commands) != said {
				t.Errorf("it was used again: %q", commands)
			}
		})
	}
}

// A reply too many that is found by the next request is its error, and the
// request is not sent.
func TestHostile_H14_TheNextRequestIsNotSent(t *testing.T) {
	said := make(chan struct{})
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{
		"NOOP": smtptest.Then(smtptest.SayRaw("250 ok\r\n250 again\r\n"), func(*smtptest.Conn) { close(said) }),
	}})
	hold := make(chan struct{})
	s := newSession(t, Config{HostName: srv.Host(), RemotePort: srv.Port(), Hooks: []events.Hook{onEvent(events.KindCommand, func(events.Event) { <-hold })}})
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- s.Noop(t.Context()) }()
	within(t, said, "the NOOP")
	go func() { second <- s.Noop(t.Context()) }()
	for s.Snapshot().Waiting == 0 {
	}
	close(hold)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := <-second; !errors.Is(err, smtp.ErrProtocol) {
		t.Errorf("the second: %v", err)
	}
	within(t, s.Done(), "the end")
	if n := len(srv.Commands()); n != 2 {
		t.Errorf("%q", srv.Commands())
	}
}

// A reply in a segment of its own, before the command, is taken for the
// command's; the real one is then the reply too many.
func TestHostile_H14_AReplyBeforeItsCommandEndsTheSession(t *testing.T) {
	for _, p := range []place{
		{moment: "GREETING", options: Extended, reply: "220 hi\r\n"},
		{moment: "EHLO", mode: smtptest.StartTLS, options: SecureExplicit, reply: "250-hi\r\n250 STARTTLS\r\n"},
	} {
		for where, newServer := range map[string]maker{"memory": memory, "loopback": loopback} {
			t.Run(p.moment+"/"+where, func(t *testing.T) {
				srv := newServer(t, p.server(smtptest.Then(smtptest.SayRaw(p.reply), smtptest.SayRaw("220 early\r\n"))))
				c := p.config(srv)
				c.Retry.MaxAttempts = 1
				s := newSession(t, c)
				evs := record(t, s)
				err := s.Connect(t.Context())
				within(t, s.Done(), "the end")
				if err == nil && p.options == SecureExplicit {
					t.Error("ready without TLS")
				}
				if err := s.Err(); !errors.Is(err, smtp.ErrProtocol) && !errors.Is(err, smtp.ErrTLS) {
					t.Errorf("%v, want a protocol error", err)
				}
				checkLife(t, evs())
				allClosed(t, srv)
			})
		}
	}
}

func TestHostile_H14_ALineNobodyAskedForEndsAnIdleSession(t *testing.T) {
	for _, line := range []string{"250 hello", "220 hello", "354 go", "hello", "2", "250-", "421-x\r\n250 y"} {
		bubble(t, line, func(t *testing.T) {
			srv := memory(t, smtptest.Config{})
			s := newSession(t, Config{HostName: srv.Host(), Dialer: srv})
			evs := record(t, s)
			if err := s.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			srv.Say(line)
			<-s.Done()
			if err := s.Err(); !errors.Is(err, smtp.ErrProtocol) && !(errors.Is(err, smtp.ErrTimeout) && line == "250-") {
				t.Errorf("%v, want a protocol error", err)
			}
			all := evs()
			checkLife(t, all)
			if last := all[len(all)-1].(events.OnDisconnect); last.Reason != events.Failure {
				t.Errorf("the reason is %v, want error", last.Reason)
			}
			if s.State() != fsm.Closed {
				t.Error(s.State())
			}
		})
	}
}
