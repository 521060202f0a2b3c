package events

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

// judge is a hook of every veto: it notes what it is asked, and says no to what
// is in its map.
type judge struct {
	name string
	log  *[]string
	no   map[string]error
}

func (j *judge) asked(ctx context.Context, what string) error {
	*j.log = append(*j.log, j.name+" "+what)
	if !InHook(ctx) {
		*j.log = append(*j.log, j.name+" "+what+": not marked")
	}
	if err := j.no[what]; err != nil && err.Error() == "panic" {
		panic("boom")
	}
	return j.no[what]
}

func (j *judge) BeforeDial(ctx context.Context, t Target) error {
	return j.asked(ctx, "dial "+t.Addr.String())
}
func (j *judge) VerifyPeer(ctx context.Context, p Peer) error {
	return j.asked(ctx, "peer "+p.ServerName)
}
func (j *judge) BeforeSend(ctx context.Context, m Outgoing) error {
	return j.asked(ctx, "send "+m.Mail.From)
}

// questions put each question, and say the kind of a refusal.
func questions() map[string]struct {
	put  func(*Hooks, context.Context) error
	kind smtp.Kind
} {
	return map[string]struct {
		put  func(*Hooks, context.Context) error
		kind smtp.Kind
	}{
		"dial 192.0.2.1": {func(h *Hooks, ctx context.Context) error {
			return h.BeforeDial(ctx, Target{Addr: netip.MustParseAddr("192.0.2.1")})
		}, smtp.KindVetoed},
		"peer mx.test": {func(h *Hooks, ctx context.Context) error { return h.VerifyPeer(ctx, Peer{ServerName: "mx.test"}) }, smtp.KindCertificate},
		"send a@b.test": {func(h *Hooks, ctx context.Context) error {
			return h.BeforeSend(ctx, Outgoing{Mail: &smtp.Mail{From: "a@b.test"}})
		}, smtp.KindVetoed},
	}
}

func TestVeto_AskedInOrderUntilOneRefuses(t *testing.T) {
	why := errors.New("never there")
	for what, q := range questions() {
		var log []string
		h := sorted(t, &judge{"a", &log, nil}, &judge{"b", &log, nil})
		if err := q.put(h, t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		same(t, log, "a "+what, "b "+what)

		log = nil
		h = sorted(t, &judge{"a", &log, nil}, &judge{"b", &log, map[string]error{what: why}}, &judge{"c", &log, nil})
		err := q.put(h, NewScope(t.Context()))
		same(t, log, "a "+what, "b "+what)
		e, ok := errors.AsType[*smtp.Error](err)
		if !ok || e.Kind != q.kind || !errors.Is(err, smtp.ErrVetoed) || !errors.Is(err, why) || e.Permanent {
			t.Errorf("%s: %#v", what, err)
		}
		if dial, peer, send := h.Vetoes(); !dial || !peer || !send {
			t.Error("what is decided")
		}
	}
}

func TestVeto_TakesOverWhatTheErrorSays(t *testing.T) {
	var log []string
	given := &smtp.Error{Kind: smtp.KindTimeout, Permanent: true, Enhanced: smtp.EnhancedCode{Class: 5, Subject: 7, Detail: 1}}
	var none *smtp.Error
	for what, q := range questions() {
		e, _ := errors.AsType[*smtp.Error](q.put(sorted(t, &judge{"a", &log, map[string]error{what: given}}), t.Context()))
		if e == nil || e.Kind != q.kind || !e.Permanent || !errors.Is(e, smtp.ErrVetoed) || !strings.Contains(e.Error(), "5.7.1") {
			t.Errorf("%s: %#v", what, e)
		}
	}
	err := sorted(t, vetoFunc(func() error { return none })).BeforeSend(t.Context(), Outgoing{})
	if !errors.Is(err, smtp.ErrVetoed) || !strings.Contains(err.Error(), "without a value") {
		t.Errorf("%v", err)
	}
}

type vetoFunc func() error

func (f vetoFunc) BeforeSend(context.Context, Outgoing) error { return f() }

func TestVeto_APanicIsNoAnswer(t *testing.T) {
	for what, q := range questions() {
		var log []string
		err := q.put(sorted(t, &judge{"a", &log, map[string]error{what: errors.New("panic")}}, &judge{"b", &log, nil}), t.Context())
		if e, ok := errors.AsType[*smtp.Error](err); !ok || e.Kind != smtp.KindPanic || !strings.Contains(err.Error(), "hook *events.judge panicked: boom") {
			t.Errorf("%s: %v", what, err)
		}
		same(t, log, "a "+what)
	}
}

func TestVeto_NobodyDecidesNothingCosts(t *testing.T) {
	h := sorted(t)
	ctx := t.Context()
	got := testing.AllocsPerRun(100, func() {
		if dial, peer, send := h.Vetoes(); dial || peer || send {
			t.Fatal("somebody decides")
		}
		_, _, _ = h.BeforeDial(ctx, Target{}), h.VerifyPeer(ctx, Peer{}), h.BeforeSend(ctx, Outgoing{})
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}
