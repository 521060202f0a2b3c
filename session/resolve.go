package session

import (
	"context"
	"net/netip"
	"slices"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/transport"
)

// question returns the name to look up, "" if there is none: a literal and a
// proxy's target need no look-up; after a failure that only asks for the next
// address, those known are used again.
func (a *actor) question() string {
	if a.plan.proxy != nil || a.plan.socket != "" || a.retry.next {
		return ""
	}
	return a.plan.host.Name
}

// resolve finds the addresses to dial. What PhaseStart said is what it asks.
func (a *actor) resolve(ctx context.Context) (fsm.Trigger, error) {
	name := a.facts.Host
	switch {
	case name != "":
		answers, err := transport.Resolve(ctx, a.s.config.Resolver, name, a.plan.options.Has(PreferIPv6), a.plan.timeouts.Resolve)
		if err != nil {
			return 0, err
		}
		a.answers = answers
		a.answers.StartAfter(a.retry.after)
		a.retry.spent = nil
		a.facts.Addrs = a.addrs()
	case a.plan.proxy != nil, a.plan.socket != "":
		a.answers = nil
	case a.plan.host.Addr.IsValid():
		a.answers = transport.Literal(a.plan.host.Addr)
	default:
		a.answers.StartAfter(a.retry.after)
		a.answers.Without(a.retry.spent)
	}
	if h, ok := a.heard(events.KindResolve); ok {
		a.tell(events.OnResolve{Header: h, Host: a.plan.name, Addrs: a.addrs(), Queried: name != ""})
	}
	return fsm.Resolved, nil
}

// addrs returns the addresses that are known, for others to keep.
func (a *actor) addrs() []netip.Addr {
	if a.answers == nil {
		return nil
	}
	return slices.Clone(a.answers.Addrs())
}
