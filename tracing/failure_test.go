package tracing_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/tracing"
)

func TestFailure_StatusAndErrorType(t *testing.T) {
	for _, c := range []struct {
		err                    error
		errorType, description string
	}{
		{&smtp.Error{Kind: smtp.KindTimeout}, "timeout", "timed out"},
		{&smtp.Error{Kind: smtp.KindCanceled, Err: context.Canceled}, "canceled", "canceled"},
		{&smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 554, Text: "no <ann@example.org>"}}, "554", "refused by the server"},
		{fmt.Errorf("wrapped: %w", &smtp.Error{Kind: smtp.KindRefused}), "connection_refused", "connection refused"},
		{&smtp.Error{Err: errors.New("secret")}, "_OTHER", ""},
		{errors.New("a stranger's <ann@example.org>"), "_OTHER", ""},
	} {
		p, spans := record(t)
		life{err: c.err, attempts: []attempt{{err: c.err, phases: []events.PhaseEnd{{Phase: fsm.Ehlo, Err: c.err}}}}}.
			tell(t, context.Background(), tracing.New(tracing.Config{TracerProvider: p}))
		if len(spans.Ended()) != 3 {
			t.Fatalf("%d spans", len(spans.Ended()))
		}
		for _, s := range spans.Ended() {
			if st := s.Status(); st.Code != codes.Error || st.Description != c.description {
				t.Errorf("%s of %v: status %+v, want %q", s.Name(), c.err, st, c.description)
			}
			if !strings.Contains(attrs(s), "error.type="+c.errorType+" string\n") {
				t.Errorf("%s of %v: want error.type=%s, got\n%s", s.Name(), c.err, c.errorType, attrs(s))
			}
			if len(s.Events()) != 0 {
				t.Errorf("%s has span events", s.Name())
			}
		}
	}
}

// Whatever a server says, in whatever field it comes, no octet of it is in a span.
func TestFailure_H8_NoServerTextInAnySpan(t *testing.T) {
	const (
		evil = "\x1b[31mEVIL\x00"
		odd  = "host\x1b\x00" // the caller's or the system's, so it is shown, escaped
	)
	said := smtp.Reply{Code: 554, Enhanced: smtp.EnhancedCode{Class: 5, Subject: 7, Detail: 1}, Text: "5.7.1 " + evil}
	verdict := x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{evil}}, Host: odd}
	zone := netip.AddrPortFrom(netip.MustParseAddr("fe80::1%"+odd), 25)
	for _, err := range []error{
		&smtp.Error{Kind: smtp.KindReply, Phase: evil, Command: evil, Reply: said, Err: errors.New(evil)},
		&smtp.Error{Kind: smtp.KindCertificate, Err: verdict},
		&smtp.Error{Err: errors.New(evil)},
		errors.New(evil),
	} {
		p, spans := record(t)
		h := tracing.New(tracing.Config{TracerProvider: p})
		connect := h.ConnectStart(context.Background(), events.ConnectStart{Host: odd, Port: 25})
		att := h.AttemptStart(connect, events.AttemptStart{Attempt: 1, Host: odd, Port: 25})
		for _, s := range fsm.States() {
			h.PhaseEnd(h.PhaseStart(att, events.PhaseStart{Phase: s, Host: odd}),
				events.PhaseEnd{Phase: s, Err: err, Host: odd, Addrs: []netip.Addr{zone.Addr()}, Peer: zone, Reply: said, Verdict: verdict})
		}
		h.AttemptEnd(att, events.AttemptEnd{Attempt: 1, Peer: zone, Err: err})
		h.ConnectEnd(connect, events.ConnectEnd{Attempts: 1, Err: err})
		if len(spans.Ended()) != 8 {
			t.Fatalf("%d spans", len(spans.Ended()))
		}
		for _, s := range spans.Ended() {
			var all strings.Builder
			all.WriteString(s.Name() + s.Status().Description + attrs(s))
			for _, kv := range s.Attributes() {
				if kv.Key == "dns.answers" { // printed, it would be JSON and escaped by that alone
					all.WriteString(strings.Join(kv.Value.AsStringSlice(), ""))
				}
			}
			if strings.ContainsAny(all.String(), "\x1b\x00") {
				t.Errorf("%s: control octets in %q", s.Name(), all.String())
			}
			if strings.Contains(all.String(), "EVIL") {
				t.Errorf("%s: server text in %q", s.Name(), all.String())
			}
		}
	}
}
