package session

import (
	"context"
	"net/netip"
	"slices"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/transport"
)

// resolve finds the addresses to dial. A literal and a proxy's target need no
// look-up; after a failure that only asks for the next address, those known
// are used again.
func (a *actor) resolve(ctx context.Context) (fsm.Trigger, error) {
	queried := false
	switch {
	case a.plan.proxy != nil, a.plan.socket != "":
		a.answers = nil
	case a.plan.host.Addr.IsValid():
		a.answers = transport.Literal(a.plan.host.Addr)
	case a.retry.next:
		a.answers.StartAfter(a.retry.after)
		a.answers.Without(a.retry.spent)
	default:
		queried, a.facts.Host = true, a.plan.host.Name
		answers, err := transport.Resolve(ctx, a.s.config.Resolver, a.plan.host.Name,
			a.plan.options.Has(PreferIPv6), a.plan.timeouts.Resolve)
		if err != nil {
			return 0, err
		}
		a.answers = answers
		a.answers.StartAfter(a.retry.after)
		a.retry.spent = nil
	}
	if queried {
		a.facts.Addrs = a.addrs()
	}
	if h, ok := a.heard(events.KindResolve); ok {
		a.tell(events.OnResolve{Header: h, Host: a.plan.name, Addrs: a.addrs(), Queried: queried})
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
