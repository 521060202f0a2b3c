package session

import (
	"net/netip"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// retry decides what follows an attempt that failed, and remembers which
// addresses had their turn.
type retry struct {
	policy backoff.BackOff // of this Connect; made when first needed

	again bool          // another attempt follows
	next  bool          // at once, with an address that had no turn yet
	delay time.Duration // before it

	dialing netip.Addr   // the one whose connection stands
	after   netip.Addr   // the next attempt begins with the one after this
	spent   []netip.Addr // since the last look-up
}

// judge decides after an attempt that failed in st with e.
func (r *retry) judge(a *actor, st fsm.State, e *smtp.Error) {
	r.again, r.next, r.delay = false, false, 0
	if a.ended() != nil || a.attempt >= a.s.config.Retry.attempts() {
		return
	}
	if r.dialing.IsValid() {
		r.after = r.dialing
		r.spent = append(r.spent, r.dialing)
		r.dialing = netip.Addr{}
	}
	if triesNextAddress(st, e) && !a.mistakenPort(st, e) && r.hasFresh(a) {
		r.again, r.next = true, true
		return
	}
	if !a.passes(st, e) {
		return
	}
	if r.policy == nil {
		r.policy = a.s.config.Retry.policy()
	}
	if d := r.policy.NextBackOff(); d != backoff.Stop {
		r.again, r.delay = true, max(d, 0)
	}
}

// hasFresh reports whether an address known had no turn yet.
func (r *retry) hasFresh(a *actor) bool {
	if a.answers == nil || a.plan.options.Has(Tunnel) {
		return false
	}
	return slices.ContainsFunc(a.answers.Addrs(), func(addr netip.Addr) bool { return !slices.Contains(r.spent, addr) })
}

// triesNextAddress reports a failure that another machine of the same name may
// not share: a 4yz or 5yz greeting, or an end before EHLO's reply. A failure of
// TLS policy is never one, or an attacker could choose the machine.
func triesNextAddress(st fsm.State, e *smtp.Error) bool {
	switch st {
	case fsm.Greeting:
		return e.Reply.Negative() || e.Kind == smtp.KindLost
	case fsm.TLS, fsm.Ehlo:
		return e.Kind == smtp.KindLost
	default:
		return false
	}
}

// passes reports a failure that may pass with time.
func (a *actor) passes(st fsm.State, e *smtp.Error) bool {
	afterDial := st != fsm.Resolve && st != fsm.Dial
	if a.mistakenPort(st, e) {
		return false
	}
	switch e.Kind {
	case smtp.KindTryAgain, smtp.KindRefused, smtp.KindUnreachable:
		return true
	case smtp.KindLost:
		return (st == fsm.Dial || st == fsm.TLS || st == fsm.Greeting)
	case smtp.KindTimeout:
		return !afterDial || a.s.config.Retry.Replies
	case smtp.KindReply:
		return e.Reply.Temporary() && a.s.config.Retry.Replies
	default:
		return false
	}
}

// mistakenPort reports silence or an end where TLS was due: the port for
// implicit TLS, spoken to in clear.
func (a *actor) mistakenPort(st fsm.State, e *smtp.Error) bool {
	return st == fsm.Greeting && a.plan.port == portSubmissions && a.plan.security != implicit &&
		(e.Kind == smtp.KindTimeout || e.Kind == smtp.KindLost)
}
