package session

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// What comes in clear behind STARTTLS's 220 was not said by who holds the
// certificate.
func TestHostile_H2_OctetsBehindTheAnswerToSTARTTLS(t *testing.T) {
	for name, step := range map[string]smtptest.Step{
		"in the same segment": smtptest.SayRaw("220 go\r\n250 EHLO?\r\n"),
		"half a line":         smtptest.SayRaw("220 go\r\n2"),
		"one octet":           smtptest.SayRaw("220 go\r\n\n"),
	} {
		bubble(t, name, func(t *testing.T) {
			srv := memory(t, smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{"STARTTLS": step}})
			c := Config{HostName: srv.Host(), Dialer: srv, Options: SecureExplicit, TLS: &tls.Config{RootCAs: srv.Roots()}}
			s := newSession(t, c)
			evs := record(t, s)
			err := s.Connect(t.Context())
			var e *smtp.Error
			if !errors.As(err, &e) || e.Kind != smtp.KindProtocol || e.Phase != "starttls" {
				t.Errorf("%v, want a protocol error of starttls", err)
			}
			checkLife(t, evs())
			allClosed(t, srv)
			if commands := srv.Commands(); len(commands) != 2 || srv.Connections() != 1 {
				t.Errorf("%q in %d connections, want EHLO and STARTTLS only", commands, srv.Connections())
			}
			if _, ok := s.TLS(); ok {
				t.Error("there is TLS")
			}
		})
	}
	// In a segment of its own it meets the handshake.
	bubble(t, "in the next segment", func(t *testing.T) {
		srv := memory(t, smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{
			"STARTTLS": smtptest.Then(smtptest.SayRaw("220 go\r\n"), smtptest.SayRaw("250 EHLO?\r\n")),
		}})
		s := newSession(t, Config{HostName: srv.Host(), Dialer: srv, Options: SecureExplicit, TLS: &tls.Config{RootCAs: srv.Roots()}})
		evs := record(t, s)
		err := s.Connect(t.Context())
		if !errors.Is(err, smtp.ErrTLS) && !errors.Is(err, smtp.ErrProtocol) {
			t.Errorf("%v", err)
		}
		checkLife(t, evs())
		if commands := srv.Commands(); srv.Connections() != 1 || slices.Contains(commands, "QUIT") {
			t.Errorf("%q in %d connections", commands, srv.Connections())
		}
	})
}

func TestHostile_H3_WhatWasOfferedInClearIsForgotten(t *testing.T) {
	bubble(t, "H3", func(t *testing.T) {
		srv := memory(t, smtptest.Config{
			Mode: smtptest.StartTLS, Keywords: []string{"SIZE 1", "CHUNKING"}, KeywordsTLS: []string{"SIZE 2", "DSN"},
		})
		var s *Session
		seen := map[fsm.State]smtp.Capabilities{}
		s = newSession(t, Config{
			HostName: srv.Host(), Dialer: srv, Options: SecureExplicit | Extended, TLS: &tls.Config{RootCAs: srv.Roots()},
			Hooks: []events.Hook{onEvent(events.KindStateChange, func(e events.Event) { seen[e.Head().State] = s.Capabilities() })},
		})
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		caps := s.Capabilities()
		if size, _ := caps.Params("SIZE"); size != "2" || caps.Has("CHUNKING") || caps.Has("STARTTLS") || !caps.Has("DSN") {
			t.Errorf("after TLS: %v", caps)
		}
		if !seen[fsm.StartTLS].Has("CHUNKING") {
			t.Errorf("before TLS: %v", seen[fsm.StartTLS])
		}
		if left := seen[fsm.Ehlo].String(); left != "" { // the second time, after the handshake
			t.Errorf("between the handshake and EHLO: %v", left)
		}
	})
}

// What one connection offered says nothing of the next.
func TestHostile_H3_WhatAnEarlierAttemptWasOfferedIsForgotten(t *testing.T) {
	bubble(t, "H3", func(t *testing.T) {
		srv := memory(t, smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{
			"STARTTLS": smtptest.Sequence(smtptest.Say("454 4.7.0 later"), smtptest.Usual()),
		}})
		var s *Session
		s = newSession(t, Config{
			HostName: srv.Host(), Dialer: srv, Options: SecureExplicit | Extended, TLS: &tls.Config{RootCAs: srv.Roots()},
			Retry: Retry{Replies: true},
			Hooks: []events.Hook{onEvent(events.KindStateChange, func(e events.Event) {
				switch e.Head().State {
				case fsm.Backoff, fsm.Resolve, fsm.Dial, fsm.Greeting:
					if caps := s.Capabilities().String(); caps != "" || s.Extended() {
						t.Errorf("in %v of attempt %d: %v, extended %v", e.Head().State, e.Head().Attempt, caps, s.Extended())
					}
				case fsm.Ehlo:
					if caps := s.Capabilities().String(); caps != "" {
						t.Errorf("in ehlo of attempt %d: %v", e.Head().Attempt, caps)
					}
				default: // what this attempt was offered
				}
			})},
		})
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if srv.Connections() != 2 {
			t.Errorf("%d attempts", srv.Connections())
		}
	})
}

func TestHostile_H21_OldAndMissingTLS(t *testing.T) {
	type end struct {
		kind    smtp.Kind // KindOther: success
		hint    string
		version uint16
	}
	tls10 := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA}}
	rc4 := &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA}}
	for _, c := range []struct {
		name    string
		server  *tls.Config
		mode    smtptest.TLSMode
		options Options
		end     end
	}{
		{"TLS 1.0 only", tls10, smtptest.Implicit, SecureImplicit, end{smtp.KindTLS, "SecureFallback", 0}},
		{"TLS 1.0 only, STARTTLS", tls10, smtptest.StartTLS, SecureExplicit, end{smtp.KindTLS, "SecureFallback", 0}},
		{"TLS 1.0 only, TrustedSite", tls10, smtptest.StartTLS, SecureExplicit | TrustedSite, end{smtp.KindTLS, "SecureFallback", 0}},
		{"TLS 1.0 only, SecureFallback", tls10, smtptest.Implicit, SecureImplicit | SecureFallback, end{version: tls.VersionTLS10}},
		{"TLS 1.0 only, STARTTLS, SecureFallback", tls10, smtptest.StartTLS, SecureExplicit | SecureFallback, end{version: tls.VersionTLS10}},
		{"RC4 only", rc4, smtptest.Implicit, SecureImplicit, end{smtp.KindTLS, "SecureFallback", 0}},
		{"RC4 only, SecureFallback", rc4, smtptest.Implicit, SecureImplicit | SecureFallback, end{version: tls.VersionTLS12}},
		{"modern, SecureFallback", nil, smtptest.Implicit, SecureImplicit | SecureFallback, end{version: tls.VersionTLS13}},
		{"plain text on the TLS port", nil, smtptest.Plain, SecureImplicit, end{smtp.KindTLS, "STARTTLS", 0}},
		{"plain text on the TLS port, SecureFallback", nil, smtptest.Plain, SecureImplicit | SecureFallback, end{smtp.KindTLS, "STARTTLS", 0}},
	} {
		bubble(t, c.name, func(t *testing.T) {
			srv := memory(t, smtptest.Config{Mode: c.mode, TLS: c.server})
			s := newSession(t, Config{HostName: srv.Host(), Dialer: srv, Options: c.options, TLS: &tls.Config{RootCAs: srv.Roots()}})
			evs := record(t, s)
			err := s.Connect(t.Context())
			if c.end.kind == smtp.KindOther {
				state, ok := s.TLS()
				if err != nil || !ok || state.Version != c.end.version {
					t.Fatalf("%v, TLS %v", err, tls.VersionName(state.Version))
				}
				_ = s.Disconnect(t.Context())
			} else if !errors.Is(err, c.end.kind.Row().Err) || !strings.Contains(err.Error(), c.end.hint) {
				t.Errorf("%v, want %v with %q", err, c.end.kind, c.end.hint)
			}
			checkLife(t, evs())
			if srv.Connections() != 1 {
				t.Errorf("%d attempts: never in clear, and no retry", srv.Connections())
			}
			if c.end.kind == smtp.KindOther || c.mode == smtptest.Implicit {
				return
			}
			want := []string{"EHLO", "STARTTLS"} // and then nothing that is not TLS
			if c.mode == smtptest.Plain {
				want = nil
			}
			for _, command := range srv.Commands() {
				if verb, _, _ := strings.Cut(command, " "); !slices.Contains(want, verb) && knownVerb(verb) {
					t.Errorf("%q in clear", command)
				}
			}
		})
	}
}

func TestHostile_H21_TLSOnThePlainPort(t *testing.T) {
	for name, c := range map[string]struct {
		on   map[string]smtptest.Step
		kind smtp.Kind
		took time.Duration
	}{
		"which waits for the client": {nil, smtp.KindTimeout, 5 * time.Minute},
		"which sends an alert":       {map[string]smtptest.Step{"TLS": smtptest.SayRaw("\x15\x03\x03\x00\x02\x02\x0a")}, smtp.KindProtocol, 0},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := memory(t, smtptest.Config{Mode: smtptest.Implicit, On: c.on})
			s := newSession(t, Config{HostName: srv.Host(), RemotePort: 465, Dialer: srv, Options: Extended})
			evs := record(t, s)
			begun := time.Now()
			err := s.Connect(t.Context())
			if !errors.Is(err, c.kind.Row().Err) || !strings.Contains(err.Error(), "SecureImplicit") || time.Since(begun) != c.took {
				t.Errorf("%v after %v, want %v with a hint", err, time.Since(begun), c.kind)
			}
			checkLife(t, evs())
			if len(srv.Commands()) != 0 || srv.Connections() != 1 {
				t.Errorf("%q in %d connections", srv.Commands(), srv.Connections())
			}
		})
	}
}

func knownVerb(verb string) bool {
	return slices.Contains([]string{"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT"}, verb)
}
