package show

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// nasty is what a server, or a certificate, may hold.
const nasty = "\x1b[2J\x00\x7f\u009b\u202e\xff<&>"

// nastyReceipt is one of a message that was refused.
func nastyReceipt(err *smtp.Error) *smtp.Receipt {
	return &smtp.Receipt{Outcome: smtp.Rejected, Reply: err.Reply, QueueID: nasty, Cause: err,
		Recipients: []smtp.RecipientReceipt{{Address: nasty, Outcome: smtp.Rejected, Reply: err.Reply, Err: err}}}
}

// allKinds returns an event of each kind, full of nasty text.
func allKinds() []events.Event {
	at := time.Date(2026, 7, 1, 12, 0, 0, 123456789, time.FixedZone("", 7200))
	h := events.Header{Session: 3, Life: 2, Seq: 9, Time: at, Attempt: 1, State: fsm.StartTLS}
	reply := smtp.Reply{Code: 250, Text: nasty + "\nPIPELINING\nX" + nasty}
	err := &smtp.Error{Kind: smtp.KindReply, Phase: "ehlo", Command: "EHLO", Reply: smtp.Reply{Code: 451, Text: nasty}}
	return []events.Event{
		events.OnStateChange{Header: h, From: fsm.Ehlo, To: fsm.StartTLS},
		events.OnResolve{Header: h, Host: "mx.example", Addrs: []netip.Addr{netip.MustParseAddr("::1%" + nasty)}, Queried: true},
		events.OnDial{Header: h, Local: "[::1%" + nasty + "]:1", Remote: "192.0.2.1:25", Proxy: "http://192.0.2.2:80", Dials: 2},
		events.OnGreeting{Header: h, Reply: reply},
		events.OnHello{Header: h, Name: "c.example", Reply: reply, Capabilities: smtp.ParseCapabilities(reply)},
		events.OnSecure{Header: h, Version: 0x304, CipherSuite: 0x1301, ServerName: "mx.example", Verdict: errors.New(nasty)},
		events.OnConnect{Header: h, Host: "mx.example", Port: 25, Remote: "192.0.2.1:25", Elapsed: 1500 * time.Millisecond},
		events.OnCommand{Header: h, Verb: "NOOP", Reply: reply, Elapsed: time.Second},
		events.OnAuthenticate{Header: h, Mechanism: "X" + nasty, Reply: smtp.Reply{Code: 535, Text: nasty}, Err: err, Elapsed: time.Second},
		events.OnRecipient{Header: h, Address: nasty, Reply: err.Reply, Err: err},
		events.OnProgress{Header: h, Octets: 5, Size: -1},
		events.OnMessage{Header: h, Receipt: nastyReceipt(err), Err: err, Elapsed: time.Second},
		events.OnRetry{Header: h, Err: err, Delay: 500 * time.Millisecond},
		events.OnTimeout{Header: h, Err: err},
		events.OnCancel{Header: h, Err: errors.New(nasty)},
		events.OnError{Header: h, Err: err, Final: true},
		events.OnDisconnect{Header: h, Reason: events.Remote, Reply: err.Reply, Err: err},
		events.Lagged{Header: h, Missed: 5},
	}
}

func TestJSONLines_EveryKind(t *testing.T) {
	fields := map[events.Kind]string{
		events.KindStateChange: "from to", events.KindResolve: "host addrs queried", events.KindDial: "local remote proxy dials",
		events.KindGreeting: "code reply", events.KindHello: "name extended code reply capabilities",
		events.KindSecure:  "version cipher_suite server_name resumed verified verdict certificate",
		events.KindConnect: "host port remote extended secure elapsed", events.KindCommand: "verb code reply error elapsed",
		events.KindAuthenticate: "mechanism reply_code enhanced_code reply phase command type code error elapsed",
		events.KindRetry:        "phase command type code reply error delay",
		events.KindTimeout:      "phase command type code reply error", events.KindCancel: "phase command type code reply error",
		events.KindError: "final phase command type code reply error", events.KindDisconnect: "reason code reply error",
		events.KindLagged: "missed", events.KindProgress: "octets size",
		events.KindRecipient: "address phase command type code reply error",
		events.KindMessage:   "outcome recipients reply_code enhanced_code reply queue_id octets long_lines flights chunked phase command type code error safe_to_retry elapsed",
	}
	seen := events.Mask(0)
	for _, e := range allKinds() {
		seen |= events.MaskOf(e.Kind())
		var out bytes.Buffer
		NewJSONLines(&out).Show(e)
		line := out.String()
		playtest.CheckPrintable(t, line)
		const begin = `"session":3,"seq":9,"time":"2026-07-01T10:00:00.123456789Z","attempt":1,"state":"starttls",`
		if !strings.HasPrefix(line, `{"event":"`+e.Kind().String()+`",`+begin) || strings.Count(line, "\n") != 1 {
			t.Errorf("%v: %s", e.Kind(), line)
		}
		var o playtest.Object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v: %v", e.Kind(), err)
		}
		want := strings.Fields("event session seq time attempt state life " + fields[e.Kind()])
		for _, f := range want {
			if _, ok := o[f]; !ok {
				t.Errorf("%v has no %q: %s", e.Kind(), f, line)
			}
		}
		if len(o) != len(want) {
			t.Errorf("%v has %d fields, want %d: %s", e.Kind(), len(o), len(want), line)
		}
	}
	if seen != events.All {
		t.Errorf("kinds %b of %b", seen, events.All)
	}
}

func TestFailureOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want failure
	}{
		{nil, failure{}},
		{errors.New("odd"), failure{Type: "_OTHER", Code: 1, Error: "odd"}},
		{&smtp.Error{Kind: smtp.KindTimeout, Phase: "dial"}, failure{Phase: "dial", Type: "timeout", Code: 10060, Error: "dial: timed out"}},
		{&smtp.Error{Kind: smtp.KindReply, Phase: "greeting", Reply: smtp.Reply{Code: 554, Text: "no"}},
			failure{Phase: "greeting", Type: "554", Code: 554, Reply: "554 no", Error: "greeting: refused by the server: 554 no"}},
	} {
		if got := failureOf(c.err); got != c.want {
			t.Errorf("%+v, want %+v", got, c.want)
		}
	}
}

// The reply is the server's last word, with success and without.
func TestJSONLines_Authenticate(t *testing.T) {
	refused := smtp.Reply{Code: 535, Enhanced: smtp.EnhancedCode{Class: 5, Subject: 7, Detail: 8}, Text: "5.7.8 no"}
	for want, e := range map[string]events.OnAuthenticate{
		`"mechanism":"PLAIN","reply_code":235,"enhanced_code":"","reply":"235 yes","phase":"","command":"","type":"","code":0,"error":"","elapsed":0.25}`: {
			Mechanism: "PLAIN", Reply: smtp.Reply{Code: 235, Text: "yes"}, Elapsed: 250 * time.Millisecond},
		`"mechanism":"PLAIN","reply_code":535,"enhanced_code":"5.7.8","reply":"535 5.7.8 no","phase":"auth","command":"AUTH","type":"535","code":535,` +
			`"error":"auth: AUTH: refused by the server: 535 5.7.8 no","elapsed":0}`: {
			Mechanism: "PLAIN", Reply: refused, Err: &smtp.Error{Kind: smtp.KindReply, Phase: "auth", Command: "AUTH", Reply: refused}},
		`"mechanism":"","reply_code":0,"enhanced_code":"","reply":"","phase":"auth","command":"","type":"auth_in_clear","code":20010,` +
			`"error":"auth: secret not sent in clear","elapsed":0}`: {Err: &smtp.Error{Kind: smtp.KindInClear, Phase: "auth"}},
	} {
		var out bytes.Buffer
		NewJSONLines(&out).Show(e)
		if got := strings.TrimSpace(out.String()); !strings.HasSuffix(got, want) {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
}

// The message has a code of its own, and each recipient has.
func TestJSONLines_Message(t *testing.T) {
	refused := smtp.Reply{Code: 550, Enhanced: smtp.EnhancedCode{Class: 5, Subject: 1, Detail: 1}, Text: "5.1.1 who?"}
	taken := smtp.Reply{Code: 250, Text: "ok"}
	r := &smtp.Receipt{Outcome: smtp.Accepted, Reply: taken, QueueID: "4cX", Octets: 22, LongLines: 1, Flights: 2, Chunked: true,
		Recipients: []smtp.RecipientReceipt{
			{Address: "a@example.net", Outcome: smtp.Accepted, Reply: taken},
			{Address: "b@example.net", Outcome: smtp.Rejected, Reply: refused, Err: &smtp.Error{Kind: smtp.KindReply, Reply: refused, Permanent: true}},
		}}
	const want = `"outcome":"accepted","recipients":[` +
		`{"address":"a@example.net","outcome":"accepted","reply_code":250,"enhanced_code":"","reply":"250 ok","code":0,"error":""},` +
		`{"address":"b@example.net","outcome":"rejected","reply_code":550,"enhanced_code":"5.1.1","reply":"550 5.1.1 who?","code":550,"error":"refused by the server: 550 5.1.1 who?"}],` +
		`"reply_code":250,"enhanced_code":"","reply":"250 ok","queue_id":"4cX","octets":22,"long_lines":1,"flights":2,"chunked":true,` +
		`"phase":"","command":"","type":"recipients_refused","code":20014,` +
		`"error":"some recipients did not get the message: 1 of 2: refused by the server: 550 5.1.1 who?","safe_to_retry":false,"elapsed":0.25}`
	var out bytes.Buffer
	NewJSONLines(&out).Show(events.OnMessage{Receipt: r, Err: r.Err(), Elapsed: 250 * time.Millisecond})
	if got := strings.TrimSpace(out.String()); !strings.HasSuffix(got, want) {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	for _, r := range []*smtp.Receipt{{Outcome: smtp.NotSent, Cause: &smtp.Error{Kind: smtp.KindLost}}, {Outcome: smtp.Unknown, Cause: &smtp.Error{Kind: smtp.KindLost}}} {
		out.Reset()
		NewJSONLines(&out).Show(events.OnMessage{Receipt: r, Err: r.Err()})
		want := fmt.Sprintf(`"safe_to_retry":%v,`, r.Outcome == smtp.NotSent)
		if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), `"recipients":[],`) {
			t.Errorf("%v: %s", r.Outcome, out.String())
		}
	}
}
