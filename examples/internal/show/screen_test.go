package show

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// screenOf returns what events look like, report included.
func screenOf(p Palette, all ...events.Event) string {
	var out bytes.Buffer
	s := NewScreen(&out, p, []string{"title"})
	for _, e := range all {
		s.Show(e)
	}
	s.End()
	return out.String()
}

func TestScreen_EveryKind(t *testing.T) {
	text := screenOf(Palette{}, allKinds()...)
	playtest.CheckPrintable(t, text)
	for _, k := range events.Kinds() {
		if strings.Count(text, "  "+k.String()+" ") != 1 {
			t.Errorf("%v is not there once:\n%s", k, text)
		}
	}
}

func TestDescribe(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.1")
	s := NewScreen(&bytes.Buffer{}, Palette{}, []string{"title"})
	for want, e := range map[string]events.Event{
		"the proxy will look mx.example up":                             events.OnResolve{Host: "mx.example"},
		"192.0.2.1, no look-up needed":                                  events.OnResolve{Host: "192.0.2.1", Addrs: []netip.Addr{a}},
		"mx.example is 192.0.2.1, 192.0.2.1":                            events.OnResolve{Host: "mx.example", Addrs: []netip.Addr{a, a}, Queried: true},
		"192.0.2.1:25 from 192.0.2.9:1, the winner of 3 dials":          events.OnDial{Remote: "192.0.2.1:25", Local: "192.0.2.9:1", Dials: 3},
		"192.0.2.1:25 from 192.0.2.9:1, through socks5://192.0.2.2:108": events.OnDial{Remote: "192.0.2.1:25", Local: "192.0.2.9:1", Proxy: "socks5://192.0.2.2:108", Dials: 1},
		"at once, next address, after greeting: connection lost":        events.OnRetry{Err: &smtp.Error{Kind: smtp.KindLost, Phase: "greeting"}},
		"by the server: ready: refused by the server: 421 bye": events.OnDisconnect{Reason: events.Remote,
			Err: &smtp.Error{Kind: smtp.KindReply, Phase: "ready", Reply: smtp.Reply{Code: 421, Text: "bye"}}},
		"logged in by PLAIN after 1.00 s: 235 2.7.0 yes": events.OnAuthenticate{Mechanism: "PLAIN", Elapsed: time.Second,
			Reply: smtp.Reply{Code: 235, Text: "2.7.0 yes"}},
		"by PLAIN after 1.00 s: auth: refused by the server: 535 no": events.OnAuthenticate{Mechanism: "PLAIN", Elapsed: time.Second,
			Err: &smtp.Error{Kind: smtp.KindReply, Phase: "auth", Reply: smtp.Reply{Code: 535, Text: "no"}}},
		"after 0.00 ms: auth: secret not sent in clear": events.OnAuthenticate{Err: &smtp.Error{Kind: smtp.KindInClear, Phase: "auth"}},
		"as c.example, not Extended: 250 mx.example":    events.OnHello{Name: "c.example", Reply: smtp.Reply{Code: 250, Text: "mx.example"}},
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
	text := screenOf(Palette{},
		events.OnHello{Extended: true, Capabilities: smtp.ParseCapabilities(smtp.Reply{Code: 250, Text: "old\nDSN"})},
		events.OnRetry{Err: &smtp.Error{Kind: smtp.KindLost}},
		events.OnError{Err: &smtp.Error{Kind: smtp.KindRefused, Phase: "dial"}, Final: true})
	if strings.Contains(text, "Capabilities of") {
		t.Errorf("still told:\n%s", text)
	}
}

// A refused login is red in its line, as a bar and in the report.
func TestScreen_RefusedLogin(t *testing.T) {
	text := screenOf(Palette{true},
		events.OnStateChange{To: fsm.Resolve}, events.OnStateChange{From: fsm.Ehlo, To: fsm.Ready}, events.OnConnect{},
		events.OnStateChange{From: fsm.Ready, To: fsm.Auth}, events.OnStateChange{From: fsm.Auth, To: fsm.Ready},
		events.OnAuthenticate{Mechanism: nasty, Err: &smtp.Error{Kind: smtp.KindReply, Phase: "auth", Reply: smtp.Reply{Code: 535, Text: nasty}}})
	for _, want := range []string{"\x1b[31mOnAuthenticate", "  auth         \x1b[31m█", "\x1b[31mNot logged in"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	for _, code := range []string{"1", "2", "31", "32", "33", "34", "0"} { // our own colours
		text = strings.ReplaceAll(text, "\x1b["+code+"m", "")
	}
	playtest.CheckPrintable(t, text)
}

// So is a refused message.
func TestScreen_RefusedMessage(t *testing.T) {
	err := &smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 550, Text: nasty}, Permanent: true}
	all := []events.Event{
		events.OnStateChange{To: fsm.Resolve}, events.OnStateChange{From: fsm.Ehlo, To: fsm.Ready}, events.OnConnect{},
		events.OnStateChange{From: fsm.Ready, To: fsm.Mail}, events.OnStateChange{From: fsm.Mail, To: fsm.Ready},
		events.OnMessage{Receipt: nastyReceipt(err), Err: err},
	}
	text := screenOf(Palette{true}, all...)
	for _, want := range []string{"\x1b[31mOnMessage", "  mail         \x1b[31m█", "\x1b[31mRejected"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	playtest.CheckPrintable(t, screenOf(Palette{}, all...))
}
