package main

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// nasty is what a server may say.
const nasty = "\x1b[31mred\x00\x07\x7f\xc2\x9b2J\xff\u202e"

// after returns what the line says after events; "" if they changed nothing.
func after(all ...events.Event) status {
	s := status{server: "mx.example"}
	var last status
	h := s.callbacks(func(now status) { last = now })
	for _, e := range all {
		h.Handle(e)
	}
	return last
}

func said(code int, text string) *smtp.Error {
	return &smtp.Error{Kind: smtp.KindReply, Phase: "mail", Reply: smtp.Reply{Code: code, Text: text}}
}

func receipt(outcome smtp.Outcome, of ...smtp.Outcome) *smtp.Receipt {
	r := &smtp.Receipt{Outcome: outcome}
	for _, o := range of {
		r.Recipients = append(r.Recipients, smtp.RecipientReceipt{Outcome: o})
	}
	return r
}

func TestStatus_OfEachEvent(t *testing.T) {
	lost := &smtp.Error{Kind: smtp.KindLost, Phase: "ready"}
	for _, c := range []struct {
		e    events.Event
		text string
		mood mood
	}{
		{events.OnStateChange{From: fsm.Idle, To: fsm.Idle}, "", busy},
		{events.OnStateChange{From: fsm.Mail, To: fsm.Mail}, "", busy},
		{events.OnStateChange{From: fsm.Idle, To: fsm.Resolve}, "Looking up mx.example…", busy},
		{events.OnStateChange{From: fsm.Resolve, To: fsm.Dial}, "", busy},
		{events.OnStateChange{From: fsm.Dial, To: fsm.TLS}, "Securing the connection…", busy},
		{events.OnStateChange{From: fsm.Dial, To: fsm.Greeting}, "", busy},
		{events.OnStateChange{From: fsm.Greeting, To: fsm.Ehlo}, "", busy},
		{events.OnStateChange{From: fsm.Ehlo, To: fsm.StartTLS}, "Securing the connection…", busy},
		{events.OnStateChange{From: fsm.Ehlo, To: fsm.Ready}, "", busy},
		{events.OnStateChange{From: fsm.Ready, To: fsm.Auth}, "Logging in…", busy},
		{events.OnStateChange{From: fsm.Ready, To: fsm.Mail}, "Sending…", busy},
		{events.OnStateChange{From: fsm.Dial, To: fsm.Backoff}, "", busy},
		{events.OnStateChange{From: fsm.Ready, To: fsm.Quit}, "Disconnecting…", busy},
		{events.OnStateChange{From: fsm.Quit, To: fsm.Closed}, "", busy},
		{events.OnResolve{Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::1")}}, "Connecting to 192.0.2.1…", busy},
		{events.OnResolve{}, "Connecting to mx.example through the proxy…", busy},
		{events.OnDial{Remote: "192.0.2.1:25"}, "Connected to 192.0.2.1:25, waiting for its greeting…", busy},
		{events.OnGreeting{Reply: smtp.Reply{Code: 220, Text: nasty}}, "Asking what mx.example can do…", busy},
		{events.OnHello{}, "", busy},
		{events.OnSecure{Version: tls.VersionTLS13}, "Securing the connection (TLS 1.3)…", busy},
		{events.OnSecure{Version: tls.VersionTLS12, Verdict: errors.New("expired")}, "Securing the connection (TLS 1.2), but anybody may be at the other end: expired", odd},
		{events.OnConnect{Secure: true}, "Connected to mx.example", good},
		{events.OnConnect{}, "Connected to mx.example, in clear", odd},
		{events.OnAuthenticate{}, "Logged in", good},
		{events.OnAuthenticate{Err: said(535, "5.7.8 no")}, "Not logged in: 535 5.7.8 no", bad},
		{events.OnCommand{Verb: "NOOP"}, "", busy},
		{events.OnCommand{Verb: "VRFY", Err: said(550, "no")}, "VRFY: 550 no", odd},
		{events.OnRecipient{Address: "a@example.net"}, "", busy},
		{events.OnRecipient{Address: "a@example.net", Err: said(550, "no")}, "Not for a@example.net: 550 no", odd},
		{events.OnProgress{Octets: 1_180_000, Size: 2_600_000}, "Sending 45 % (1.2 of 2.6 MB)…", busy},
		{events.OnProgress{Octets: 0, Size: 9_700}, "Sending 0 % (0.0 of 9.7 kB)…", busy},
		{events.OnProgress{Octets: 1_500_000_000, Size: 3_000_000_000}, "Sending 50 % (1.5 of 3.0 GB)…", busy},
		{events.OnProgress{Octets: 9_700, Size: 9_700}, "Waiting for the server to take the message…", busy},
		{events.OnProgress{Octets: 1_180_000, Size: -1}, "Sending (1.2 MB so far)…", busy},
		{events.OnProgress{Octets: 0, Size: 0}, "Sending (0.0 kB so far)…", busy},
		{events.OnMessage{Receipt: receipt(smtp.Accepted, smtp.Accepted, smtp.Accepted)}, "Sent", good},
		{events.OnMessage{Receipt: receipt(smtp.Accepted, smtp.Accepted, smtp.Rejected, smtp.Accepted), Err: said(550, "no")}, "Sent to 2 of 3 recipients", odd},
		{events.OnMessage{Receipt: receipt(smtp.Rejected, smtp.Rejected), Err: said(554, "no")}, "Refused: 554 no", bad},
		{events.OnMessage{Receipt: receipt(smtp.NotSent, smtp.NotSent), Err: lost}, "Not sent: ready: connection lost", bad},
		{events.OnMessage{Receipt: receipt(smtp.Unknown, smtp.Unknown), Err: lost}, "Perhaps sent: ready: connection lost", bad},
		{events.OnRetry{Delay: 4 * time.Second, Err: said(421, "busy")}, "Waiting 4 s before another try: 421 busy", odd},
		{events.OnRetry{Delay: 430 * time.Millisecond, Err: said(421, "busy")}, "Waiting 0.4 s before another try: 421 busy", odd},
		{events.OnRetry{Delay: 10 * time.Minute, Err: said(421, "busy")}, "Waiting 10 min before another try: 421 busy", odd},
		{events.OnRetry{Err: lost}, "Trying another address: ready: connection lost", odd},
		{events.OnTimeout{Err: &smtp.Error{Kind: smtp.KindTimeout, Phase: "ehlo"}}, "No answer in time: ehlo: timed out", odd},
		{events.OnCancel{}, "Stopped", odd},
		{events.OnError{Err: lost}, "ready: connection lost", odd},
		{events.OnError{Err: &smtp.Error{Kind: smtp.KindRefused, Phase: "dial"}, Final: true}, "Not connected: dial: connection refused", bad},
		{events.OnError{Err: &smtp.Error{Kind: smtp.KindCanceled, Phase: "dial"}, Final: true}, "Not connected: stopped", bad},
		{events.OnDisconnect{}, "Disconnected", good},
		{events.OnDisconnect{Reason: events.Local, Err: &smtp.Error{Kind: smtp.KindCanceled}}, "Disconnected", good},
		{events.OnDisconnect{Reason: events.Local, Err: said(554, "no")}, "Disconnected: 554 no", odd},
		{events.OnDisconnect{Reason: events.Remote, Err: said(421, "bye")}, "Connection lost: 421 bye", bad},
		{events.OnDisconnect{Reason: events.Failure, Err: lost}, "Connection lost: ready: connection lost", bad},
		{events.Lagged{Missed: 3}, "", busy},
	} {
		if got := after(c.e); got.text != c.text || got.mood != c.mood {
			t.Errorf("%v: %q, %d, want %q, %d", c.e.Kind(), got.text, got.mood, c.text, c.mood)
		}
	}
}

// What became of a message stays in sight, until there is another one.
func TestStatus_TheFateStays(t *testing.T) {
	some := events.OnMessage{Receipt: receipt(smtp.Accepted, smtp.Accepted, smtp.Rejected), Err: said(550, "no")}
	for want, all := range map[string][]events.Event{
		"Sent to 1 of 2 recipients":                           {some},
		"Sent to 1 of 2 recipients. Disconnected":             {some, events.OnStateChange{From: fsm.Ready, To: fsm.Quit}, events.OnDisconnect{}},
		"Sent to 1 of 2 recipients. Connection lost: 421 bye": {some, events.OnDisconnect{Reason: events.Remote, Err: said(421, "bye")}},
		"Sending…": {some, events.OnStateChange{From: fsm.Ready, To: fsm.Mail}},
		"Sent":     {some, events.OnStateChange{From: fsm.Ready, To: fsm.Mail}, events.OnMessage{Receipt: receipt(smtp.Accepted, smtp.Accepted)}},
	} {
		if got := after(all...); got.text != want {
			t.Errorf("%q, want %q", got.text, want)
		}
	}
	if got := after(some, events.OnDisconnect{}); got.mood != odd {
		t.Errorf("the good end of a connection makes the message's %d", got.mood)
	}
}

// Whatever a server says, or is called, no octet of it can move a cursor.
func TestStatus_ServerTextIsEscaped(t *testing.T) {
	err := said(550, nasty)
	foreign := errors.New(nasty)
	for _, e := range []events.Event{
		events.OnStateChange{From: fsm.Idle, To: fsm.Resolve},
		events.OnDial{Remote: nasty},
		events.OnSecure{Verdict: foreign},
		events.OnAuthenticate{Err: err},
		events.OnCommand{Verb: nasty, Err: err},
		events.OnRecipient{Address: nasty, Err: err},
		events.OnMessage{Receipt: receipt(smtp.Rejected, smtp.Rejected), Err: err},
		events.OnRetry{Err: err, Delay: time.Second},
		events.OnTimeout{Err: foreign},
		events.OnError{Err: err, Final: true},
		events.OnDisconnect{Reason: events.Failure, Err: foreign},
	} {
		s := status{server: nasty}
		h := s.callbacks(func(now status) { playtest.CheckPrintable(t, now.text) })
		h.Handle(e)
	}
}

// Only what the line tells is asked for.
func TestStatus_Kinds(t *testing.T) {
	var s status
	h := s.callbacks(func(status) {})
	for k, want := range map[events.Kind]bool{events.KindStateChange: true, events.KindProgress: true, events.KindDisconnect: true, events.KindHello: false} {
		if got := h.Kinds()&events.MaskOf(k) != 0; got != want {
			t.Errorf("%v: %v", k, got)
		}
	}
}
