package session

import (
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

// A fault is what a server does instead of its answer, and what class of error
// that is. code 0 is that of the kind.
type fault struct {
	name      string
	step      smtptest.Step
	kind      smtp.Kind
	code      int
	permanent bool
}

func faults() []fault {
	return []fault{
		{"silence", smtptest.Silence(), smtp.KindTimeout, 0, false},
		{"reset", smtptest.Reset(), smtp.KindLost, 0, false},
		{"close", smtptest.Close(), smtp.KindLost, 0, false},
		{"421 and close", smtptest.SayAndClose("421 4.3.2 going down"), smtp.KindReply, 421, false},
		{"421 alone", smtptest.Say("421 4.3.2 going down"), smtp.KindReply, 421, false},
		{"450", smtptest.Say("450 4.2.1 later"), smtp.KindReply, 450, false},
		{"550", smtptest.Say("550 5.7.1 no"), smtp.KindReply, 550, true},
		{"garbage", smtptest.SayRaw("hello?\r\n"), smtp.KindProtocol, 0, false},
		{"garbage without an end", smtptest.SayRaw("SSH-2.0"), smtp.KindProtocol, 0, false},
		{"1yz", smtptest.SayRaw("150 wait\r\n"), smtp.KindProtocol, 0, false},
		{"3yz", smtptest.Say("354 go on"), smtp.KindProtocol, 354, false},
		{"mixed codes", smtptest.SayRaw("250-a\r\n251 b\r\n"), smtp.KindProtocol, 0, false},
		{"mixed codes, refused", smtptest.SayRaw("220-a\r\n521 b\r\n"), smtp.KindProtocol, 521, true},
		{"garbage as continuation", smtptest.SayRaw("250-a\r\nb\r\n"), smtp.KindProtocol, 0, false},
	}
}

// expected is what a fault means in a place.
type expected struct {
	fault
	success  bool // the call that met the fault succeeds
	survives bool // the session is ready afterwards
	attempts int
	quit     bool // QUIT is said as the attempt ends
}

func expect(p place, f fault, replies bool) expected {
	w := expected{fault: f, attempts: 1}
	if f.code == 0 {
		w.code = f.kind.Row().Code
	}
	w.quit = f.kind == smtp.KindReply && f.code != 421
	switch {
	case p.moment == "DATA" && f.code == 354: // the right one
		return expected{fault: f, success: true, attempts: 1, quit: true}
	case p.asks():
		w.survives = w.quit // and it is Disconnect's
		return w
	case p.isQuit():
		w.success = f.kind == smtp.KindTimeout || f.kind == smtp.KindLost
		w.quit = true
		return w
	case p.moment == "EHLO" && f.code == 550 && p.options == Extended: // C12
		return expected{fault: f, success: true, attempts: 1, quit: true}
	case p.moment == "EHLO" && f.code == 550 && !p.once: // C15
		w.kind, w.permanent = smtp.KindNoTLS, false
	case p.moment == "STARTTLS" && f.kind == smtp.KindReply: // C26: not permanent
		w.permanent = false
	case p.helo && w.quit: // C12: with EHLO's reply
		w.code, w.permanent = 502, true
	case p.helo && (f.kind == smtp.KindLost || f.kind == smtp.KindTimeout || f.code == 0 && f.name != "3yz"): // EHLO's reply stays known
		w.code = 502
	}
	retried := f.kind == smtp.KindLost && p.phase == fsm.Greeting ||
		replies && (f.kind == smtp.KindTimeout || w.kind == smtp.KindReply && w.code < 500)
	if retried {
		w.attempts = 3
	}
	return w
}

func TestHostile_H12_AnyFaultInAnyPhaseIsTheRightClassOfError(t *testing.T) {
	for _, p := range places() {
		for _, f := range faults() {
			for _, replies := range []bool{false, true} {
				name := p.name + "/" + f.name
				if replies {
					name += "/with Retry.Replies"
				}
				bubble(t, name, func(t *testing.T) { meet(t, p, f, replies) })
			}
		}
	}
}

// meet leads a session into a fault.
func meet(t *testing.T, p place, f fault, replies bool) {
	srv := memory(t, p.server(f.step))
	c := p.config(srv)
	dialer := &watched{Dialer: srv}
	c.Dialer = dialer
	c.Retry = Retry{MaxAttempts: 3, Replies: replies}
	s := newSession(t, c)
	begun := time.Now()
	evs, err := p.visit(t, s)
	elapsed := time.Since(begun)
	w := expect(p, f, replies)

	checkLife(t, evs)
	checkError(t, err, w, p)
	if got := srv.Connections(); got != w.attempts {
		t.Errorf("%d attempts, want %d", got, w.attempts)
	}
	if retries := count(evs, events.KindRetry); retries != w.attempts-1 {
		t.Errorf("%d OnRetry, want %d", retries, w.attempts-1)
	}
	if w.attempts == 1 {
		want := time.Duration(0)
		if f.kind == smtp.KindTimeout {
			want = p.limit
		}
		if elapsed != want {
			t.Errorf("took %v, want %v", elapsed, want)
		}
	}
	for _, conn := range dialer.all() {
		if !conn.isClosed() {
			t.Error("a socket is open")
		}
	}
	checkOutcome(t, evs, p, w, srv)
	allClosed(t, srv)
	if quit := slices.Contains(srv.Commands(), "QUIT"); quit != w.quit {
		t.Errorf("QUIT was said: %v, want %v; %v", quit, w.quit, srv.Commands())
	}
	if s.State() != fsm.Closed || s.Err() == nil {
		t.Errorf("afterwards %v, %v", s.State(), s.Err())
	}
}

// checkOutcome compares what a message's receipt says with what the server knows:
// Unknown only where all of it was handed over and no valid answer came.
func checkOutcome(t *testing.T, evs []events.Event, p place, w expected, srv *smtptest.Server) {
	t.Helper()
	if p.phase != fsm.Mail {
		return
	}
	want := smtp.NotSent
	switch {
	case w.success:
		want = smtp.Accepted
	case w.kind == smtp.KindReply:
		want = smtp.Rejected
	case p.moment == "CONTENT":
		want = smtp.Unknown
	}
	told := 0
	for _, e := range evs {
		if e, ok := e.(events.OnMessage); ok {
			told++
			if r := e.Receipt; r.Outcome != want || r.Recipients[0].Outcome != want || (e.Err == nil) != w.success {
				t.Errorf("outcome %v, of the recipient %v, want %v: %v", r.Outcome, r.Recipients[0].Outcome, want, e.Err)
			}
		}
	}
	if told != 1 {
		t.Errorf("%d OnMessage", told)
	}
	if accepted := len(srv.Messages()) == 1; accepted != w.success && want != smtp.Unknown {
		t.Errorf("the server has %d messages", len(srv.Messages()))
	}
}

func checkError(t *testing.T, err error, w expected, p place) {
	t.Helper()
	if w.success {
		if err != nil {
			t.Errorf("%v, want success", err)
		}
		return
	}
	var e *smtp.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v, want a *smtp.Error", err)
	}
	if e.Kind != w.kind || smtp.Code(err) != w.code || e.Permanent != w.permanent {
		t.Errorf("kind %v, code %d, permanent %v, want %v, %d, %v: %v", e.Kind, smtp.Code(err), e.Permanent, w.kind, w.code, w.permanent, err)
	}
	if e.Phase != p.phase.String() {
		t.Errorf("phase %q, want %v: %v", e.Phase, p.phase, err)
	}
	if p.phase != fsm.Greeting {
		verb := p.command()
		if p.helo && w.code == 502 && w.kind == smtp.KindReply {
			verb = "EHLO"
		}
		if e.Command != verb {
			t.Errorf("command %q, want %q: %v", e.Command, verb, err)
		}
	}
	if !strings.HasPrefix(err.Error(), e.Phase) {
		t.Errorf("%q does not begin with the phase", err)
	}
}

func count(evs []events.Event, k events.Kind) (n int) {
	for _, e := range evs {
		if e.Kind() == k {
			n++
		}
	}
	return n
}
