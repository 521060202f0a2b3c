package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
)

// screenOf returns what events look like, report included.
func screenOf(p palette, all ...events.Event) string {
	var out bytes.Buffer
	s := newScreen(&out, p, title(""))
	for _, e := range all {
		s.show(e)
	}
	s.end()
	return out.String()
}

func TestScreen_EveryKind(t *testing.T) {
	text := screenOf(palette{}, allKinds()...)
	checkPrintable(t, text)
	for _, k := range events.Kinds() {
		if strings.Count(text, "  "+k.String()+" ") != 1 {
			t.Errorf("%v is not there once:\n%s", k, text)
		}
	}
}

func TestDescribe(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.1")
	s := newScreen(&bytes.Buffer{}, palette{}, title(""))
	for want, e := range map[string]events.Event{
		"the proxy will look mx.example up":                             events.OnResolve{Host: "mx.example"},
		"192.0.2.1, no look-up needed":                                  events.OnResolve{Host: "192.0.2.1", Addrs: []netip.Addr{a}},
		"mx.example is 192.0.2.1, 192.0.2.1":                            events.OnResolve{Host: "mx.example", Addrs: []netip.Addr{a, a}, Queried: true},
		"192.0.2.1:25 from 192.0.2.9:1, the winner of 3 dials":          events.OnDial{Remote: "192.0.2.1:25", Local: "192.0.2.9:1", Dials: 3},
		"192.0.2.1:25 from 192.0.2.9:1, through socks5://192.0.2.2:108": events.OnDial{Remote: "192.0.2.1:25", Local: "192.0.2.9:1", Proxy: "socks5://192.0.2.2:108", Dials: 1},
		"at once, next address, after greeting: connection lost":        events.OnRetry{Err: &smtp.Error{Kind: smtp.KindLost, Phase: "greeting"}},
		"by the server: ready: refused by the server: 421 bye": events.OnDisconnect{Reason: events.Remote,
			Err: &smtp.Error{Kind: smtp.KindReply, Phase: "ready", Reply: smtp.Reply{Code: 421, Text: "bye"}}},
		"as c.example, not Extended: 250 mx.example": events.OnHello{Name: "c.example", Reply: smtp.Reply{Code: 250, Text: "mx.example"}},
		"as c.example, Extended, 1 capabilities": events.OnHello{Name: "c.example", Extended: true,
			Capabilities: smtp.ParseCapabilities(smtp.Reply{Code: 250, Text: "mx\nDSN"})},
	} {
		if _, got := s.describe(e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What an attempt that failed brought is not told of the next one.
func TestScreen_RetryForgets(t *testing.T) {
	text := screenOf(palette{},
		events.OnHello{Extended: true, Capabilities: smtp.ParseCapabilities(smtp.Reply{Code: 250, Text: "old\nDSN"})},
		events.OnRetry{Err: &smtp.Error{Kind: smtp.KindLost}},
		events.OnError{Err: &smtp.Error{Kind: smtp.KindRefused, Phase: "dial"}, Final: true})
	if strings.Contains(text, "Capabilities of") {
		t.Errorf("still told:\n%s", text)
	}
}
