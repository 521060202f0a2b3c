package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// kept is a slog.Handler that keeps what it is given.
type kept struct {
	level   slog.Leveler
	records []slog.Record
	at      func(moment string) // asked or written
}

func (k *kept) Enabled(_ context.Context, l slog.Level) bool {
	if k.at != nil {
		k.at("enabled")
	}
	return l >= k.level.Level()
}

func (k *kept) Handle(_ context.Context, r slog.Record) error {
	k.records = append(k.records, r)
	if k.at != nil {
		k.at("handle")
	}
	return errors.New("not heard")
}

func (k *kept) WithAttrs([]slog.Attr) slog.Handler { return k }
func (k *kept) WithGroup(string) slog.Handler      { return k }

// line writes a record as tests compare it, without what all have.
func line(r slog.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "smtp.session.life", "smtp.event.seq", "smtp.phase":
		default:
			fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		}
		return true
	})
	return b.String()
}

// logged are an event of each kind and way, and their records.
func logged() []struct {
	e    Event
	want string
} {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h := Header{Session: 7, Life: 2, Seq: 9, Time: at, State: fsm.Ready}
	dial := h
	dial.Attempt, dial.State = 3, fsm.Dial
	waiting := h
	waiting.State = fsm.Backoff
	ok, no := smtp.Reply{Code: 250, Enhanced: smtp.EnhancedCode{Class: 2, Subject: 1, Detail: 5}, Text: "2.1.5 fine\nso"}, smtp.Reply{Code: 550, Text: "no"}
	refused := &smtp.Error{Kind: smtp.KindReply, Command: "RCPT", Reply: no}
	lost := &smtp.Error{Kind: smtp.KindLost, Phase: "greeting"}
	canceled := &smtp.Error{Kind: smtp.KindCanceled, Err: context.Canceled}
	receipt := &smtp.Receipt{Outcome: smtp.Accepted, Reply: ok, QueueID: "4xy", Octets: 100,
		Recipients: []smtp.RecipientReceipt{{Outcome: smtp.Accepted}, {Outcome: smtp.Rejected}}}
	const id = " smtp.session.id=7"
	const fine = " smtp.reply.code=250 smtp.reply.enhanced_code=2.1.5 smtp.reply.text=2.1.5 fine / so"
	const failed = " error.type=550 error=RCPT: refused by the server: 550 no"
	const gone = " error.type=connection_lost error=greeting: connection lost"
	return []struct {
		e    Event
		want string
	}{
		{OnStateChange{h, fsm.Ehlo, fsm.Ready}, "DEBUG smtp state" + id + " smtp.phase.before=ehlo"},
		{OnResolve{dial, "mx.test", []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::1")}, true},
			"DEBUG smtp resolve" + id + " smtp.connect.attempt=3 server.address=mx.test dns.question.name=mx.test dns.answers=[192.0.2.1 ::1]"},
		{OnResolve{Header: h, Host: "192.0.2.1"}, "DEBUG smtp resolve" + id + " server.address=192.0.2.1"},
		{OnDial{h, "10.0.0.1:9", "192.0.2.1:25", "", 2}, "DEBUG smtp dial" + id +
			" network.peer.address=192.0.2.1 network.peer.port=25 network.transport=tcp network.type=ipv4 network.local.address=10.0.0.1:9 smtp.dials=2"},
		{OnDial{h, "@", "/run/lmtp\n", "socks5://p:1", 1}, "DEBUG smtp dial" + id + ` network.peer.address=/run/lmtp\n network.local.address=@ smtp.proxy=socks5://p:1 smtp.dials=1`},
		{OnGreeting{h, ok}, "DEBUG smtp greeting" + id + fine},
		{OnHello{Header: h, Name: "me.test", Extended: true, Reply: ok}, "DEBUG smtp hello" + id + " smtp.local_name=me.test smtp.extended=true" + fine},
		{OnSecure{Header: h, Version: 0x0304, CipherSuite: 0x1301, ServerName: "mx.test"}, "INFO smtp secure" + id +
			" tls.protocol.version=1.3 tls.cipher=TLS_AES_128_GCM_SHA256 tls.resumed=false tls.client.server_name=mx.test smtp.tls.verified=true"},
		{OnSecure{Header: h, Version: 0x0304, CipherSuite: 0x1301, Verdict: &smtp.Error{Kind: smtp.KindCertificate}}, "WARN smtp secure" + id +
			" tls.protocol.version=1.3 tls.cipher=TLS_AES_128_GCM_SHA256 tls.resumed=false smtp.tls.verified=false error.type=tls_certificate error=certificate not verified"},
		{OnConnect{dial, "mx.test", 25, "[::1]:25", true, false, 1500 * time.Millisecond}, "INFO smtp connect" + id +
			" smtp.connect.attempt=3 server.address=mx.test server.port=25 network.peer.address=::1 network.peer.port=25 network.transport=tcp network.type=ipv6" +
			" smtp.connect.attempts=3 smtp.extended=true smtp.secure=false smtp.duration=1.5"},
		{OnCommand{h, "NOOP", ok, nil, time.Second}, "DEBUG smtp command" + id + " smtp.command=NOOP" + fine + " smtp.duration=1"},
		{OnCommand{h, "VRFY", no, refused, time.Second}, "WARN smtp command" + id + " smtp.command=VRFY smtp.reply.code=550 smtp.reply.text=no" + failed + " smtp.duration=1"},
		{OnAuthenticate{h, "PLAIN", ok, nil, time.Second}, "INFO smtp authenticate" + id + " smtp.auth.mechanism=PLAIN" + fine + " smtp.duration=1"},
		{OnAuthenticate{h, "", smtp.Reply{}, lost, 0}, "WARN smtp authenticate" + id + gone + " smtp.duration=0"},
		{OnRecipient{h, "a@b.test", ok, nil}, "DEBUG smtp recipient" + id + " smtp.recipient=a@b.test" + fine},
		{OnRecipient{h, "a@b.test", no, refused}, "WARN smtp recipient" + id + " smtp.recipient=a@b.test smtp.reply.code=550 smtp.reply.text=no" + failed},
		{OnProgress{h, 5, 10}, "DEBUG smtp progress" + id + " smtp.message.octets=5 smtp.message.size=10"},
		{OnProgress{h, 5, -1}, "DEBUG smtp progress" + id + " smtp.message.octets=5"},
		{OnMessage{h, receipt, nil, time.Second}, "INFO smtp message" + id + " smtp.message.outcome=accepted smtp.message.size=100" +
			" smtp.recipients.accepted=1 smtp.recipients.rejected=1 smtp.message.queue_id=4xy" + fine + " smtp.duration=1"},
		{OnMessage{h, &smtp.Receipt{Outcome: smtp.Unknown}, lost, time.Second}, "WARN smtp message" + id + " smtp.message.outcome=unknown smtp.message.size=0" +
			" smtp.recipients.accepted=0 smtp.recipients.rejected=0" + gone + " smtp.duration=1"},
		{OnMessage{Header: h}, "INFO smtp message" + id + " smtp.duration=0"},
		{OnRetry{h, "mx.test", 25, lost, time.Second / 2}, "WARN smtp retry" + id + " server.address=mx.test server.port=25 smtp.backoff.delay=0.5" + gone},
		{OnTimeout{h, lost}, "WARN smtp timeout" + id + gone},
		{OnCancel{h, errors.New("so \x1b")}, "WARN smtp cancel" + id + ` error.type=_OTHER error=so \x1b`},
		{OnError{h, "mx.test", 25, lost, true}, "ERROR smtp error" + id + " server.address=mx.test server.port=25 smtp.final=true" + gone},
		{OnError{h, "", 0, canceled, true}, "WARN smtp error" + id + " smtp.final=true error.type=canceled error=canceled: context canceled"},
		{OnError{h, "", 0, &smtp.Error{Kind: smtp.KindClosed}, true}, "WARN smtp error" + id + " smtp.final=true error.type=closed error=session closed"},
		{OnError{h, "", 0, &smtp.Error{Kind: smtp.KindCanceled, Err: context.DeadlineExceeded}, true},
			"ERROR smtp error" + id + " smtp.final=true error.type=canceled error=canceled: context deadline exceeded"},
		{OnDisconnect{h, "mx.test", 25, Local, smtp.Reply{}, nil}, "INFO smtp disconnect" + id + " server.address=mx.test server.port=25 smtp.disconnect.reason=local"},
		{OnDisconnect{h, "", 0, Remote, smtp.Reply{Code: 421, Text: "bye"}, lost}, "WARN smtp disconnect" + id +
			" smtp.disconnect.reason=remote smtp.reply.code=421 smtp.reply.text=bye" + gone},
		{OnDisconnect{waiting, "", 0, Failure, smtp.Reply{}, lost}, "WARN smtp disconnect" + id + " smtp.disconnect.reason=error" + gone},
		{OnDisconnect{h, "", 0, Failure, smtp.Reply{}, lost}, "ERROR smtp disconnect" + id + " smtp.disconnect.reason=error" + gone},
		{Lagged{h, 3}, "WARN smtp lagged" + id + " smtp.missed=3"},
	}
}

func TestLog_OneRecordForEachEvent(t *testing.T) {
	k := &kept{level: slog.LevelDebug}
	hook := Log(slog.New(k)).(*logHook)
	told := map[Kind]bool{}
	for _, c := range logged() {
		k.records = nil
		hook.Event(t.Context(), c.e)
		if len(k.records) != 1 {
			t.Fatalf("%d records of %#v", len(k.records), c.e)
		}
		r := k.records[0]
		if got := line(r); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
		if !r.Time.Equal(c.e.Head().Time) {
			t.Errorf("%v at %v", c.e.Kind(), r.Time)
		}
		head := map[string]any{}
		r.Attrs(func(a slog.Attr) bool { head[a.Key] = a.Value.Any(); return true })
		if head["smtp.session.life"] != uint64(2) || head["smtp.event.seq"] != uint64(9) || head["smtp.phase"] != c.e.Head().State.String() {
			t.Errorf("%v: %v", c.e.Kind(), head)
		}
		told[c.e.Kind()] = true
	}
	for _, k := range Kinds() {
		if !told[k] {
			t.Errorf("%v is not in the table of the test", k)
		}
	}
	if got, want := hook.Kinds(), All&^MaskOf(KindLagged); got != want {
		t.Errorf("Kinds() = %b, want %b", got, want)
	}
}

// A record is written exactly where its level is enabled, and an event is made
// wherever one of its kind might be.
func TestLog_TheLevelDecides(t *testing.T) {
	level := new(slog.LevelVar)
	k := &kept{level: level}
	hooks := sorted(t, Log(slog.New(k)))
	for _, now := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError, slog.LevelError + 1, slog.LevelDebug} {
		level.Set(now)
		wanted := map[Kind]bool{}
		for _, c := range logged() {
			if c.e.Kind() == KindLagged {
				continue
			}
			k.records = nil
			if err := hooks.Event(t.Context(), c.e); err != nil {
				t.Fatal(err)
			}
			want := levelOf(c.e) >= now
			if want != (len(k.records) == 1) {
				t.Errorf("at %v: %d records of %s", now, len(k.records), c.want)
			}
			if want && !hooks.Want(c.e.Kind()) {
				t.Errorf("at %v an event of %v would not have been made", now, c.e.Kind())
			}
			wanted[c.e.Kind()] = wanted[c.e.Kind()] || want
		}
		for kind, want := range wanted {
			if hooks.Want(kind) != want {
				t.Errorf("at %v: Want(%v) = %v", now, kind, !want)
			}
		}
	}
}

// hostile fills every text of an event, and of what is in it, with what a server
// may say at worst.
func hostile(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() {
				hostile(f, text)
			}
		}
	case reflect.Interface:
		if v.Type() == reflect.TypeFor[error]() {
			v.Set(reflect.ValueOf(&smtp.Error{Kind: smtp.KindReply, Command: text, Reply: smtp.Reply{Code: 550, Text: text}, Err: errors.New(text)}))
		}
	case reflect.Pointer:
		if v.Type() == reflect.TypeFor[*smtp.Receipt]() {
			v.Set(reflect.ValueOf(&smtp.Receipt{Reply: smtp.Reply{Code: 250, Text: text}, QueueID: text}))
		}
	default:
	}
}

func TestHostile_H8_TheLogEscapesAndCutsWhatServersSay(t *testing.T) {
	k := &kept{level: slog.LevelDebug}
	hooks := sorted(t, Log(slog.New(k)))
	text := "250 \x1b[31m\x00\r\n\u202e\x9b" + strings.Repeat("\x1b", 100_000)
	for _, kind := range Kinds() {
		e := reflect.New(reflect.TypeOf(event(kind, 1))).Elem()
		hostile(e, text)
		_ = hooks.Event(t.Context(), e.Interface().(Event))
	}
	ctx, _ := hooks.CommandStart(t.Context(), CommandStart{Verb: text})
	_ = hooks.CommandEnd(ctx, CommandEnd{Verb: text, Reply: smtp.Reply{Code: 250, Text: text}, Err: &smtp.Error{Reply: smtp.Reply{Code: 250, Text: text}}})
	addrs := make([]netip.Addr, 5000)
	_ = hooks.Event(t.Context(), OnResolve{Addrs: addrs})
	if len(k.records) != len(Kinds())+1 {
		t.Fatalf("%d records", len(k.records))
	}
	for _, r := range k.records {
		size := 0
		r.Attrs(func(a slog.Attr) bool {
			s := fmt.Sprint(a.Value)
			size += len(s)
			if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%s: %s is not escaped: %q", r.Message, a.Key, s[:min(len(s), 80)])
			}
			return true
		})
		if size > 32<<10 {
			t.Errorf("%s: %d octets", r.Message, size)
		}
	}
}

func TestLog_NothingEnabledNothingAllocated(t *testing.T) {
	for name, logger := range map[string]*slog.Logger{"discard": slog.New(slog.DiscardHandler), "a level": slog.New(&kept{level: slog.LevelError + 1}), "nil": nil} {
		hooks := sorted(t, Log(logger))
		var all []Event
		for _, c := range logged() {
			all = append(all, c.e)
		}
		ctx := t.Context()
		got := testing.AllocsPerRun(100, func() {
			for _, e := range all {
				if hooks.Want(e.Kind()) {
					t.Fatal(e.Kind())
				}
				_ = hooks.Event(ctx, e)
			}
			inside, _ := hooks.CommandStart(ctx, CommandStart{Session: 1, Verb: "NOOP"})
			_ = hooks.CommandEnd(inside, CommandEnd{Verb: "NOOP"})
		})
		if got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

// Nobody guards the question whether a level is enabled while an event is not
// yet made: there a panic is only put off.
func TestHostile_H23_AHandlerThatPanicsIsContained(t *testing.T) {
	for _, moment := range []string{"enabled", "handle"} {
		k := &kept{level: slog.LevelDebug, at: func(now string) {
			if now == moment {
				panic("boom")
			}
		}}
		hooks := sorted(t, Log(slog.New(k)))
		if !hooks.Want(KindConnect) {
			t.Error("not wanted")
		}
		ctx, opened := hooks.CommandStart(t.Context(), CommandStart{})
		for what, err := range map[string]error{"event": hooks.Event(t.Context(), OnConnect{}), "command": errors.Join(opened, hooks.CommandEnd(ctx, CommandEnd{}))} {
			if !errors.Is(err, smtp.ErrPanic) || !strings.Contains(err.Error(), "hook *events.logHook panicked: boom") {
				t.Errorf("%s: %s: %v", moment, what, err)
			}
		}
	}
}

// Other hooks are told of commands whatever a log wants, each Start with its End.
func TestLog_OtherHooksHearTheSame(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelError} {
		var log []string
		hooks := sorted(t, Log(slog.New(&kept{level: level})), &tracer{name: "a", log: &log, kinds: MaskOf(KindRetry)})
		ctx, _ := hooks.CommandStart(t.Context(), CommandStart{Verb: "NOOP"})
		_ = hooks.CommandEnd(ctx, CommandEnd{Verb: "NOOP"})
		same(t, log, "a CommandNOOP in []", "a CommandEndNOOP in [/aCommandNOOP]")
		if hooks.Want(KindConnect) != (level == slog.LevelDebug) || !hooks.Want(KindRetry) {
			t.Error("what is wanted")
		}
	}
}
