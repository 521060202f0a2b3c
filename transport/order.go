package transport

import (
	"net/netip"
	"slices"
)

// Only keeps the first n addresses and asks for no more.
func (a *Answers) Only(n int) {
	a.Close()
	a.addrs = a.addrs[:min(n, len(a.addrs))]
}

// Without removes addresses.
func (a *Answers) Without(spent []netip.Addr) {
	a.addrs = slices.DeleteFunc(slices.Clone(a.addrs), func(addr netip.Addr) bool { return slices.Contains(spent, addr) })
}

// Permit removes the addresses of which permit is false, and those that are told
// later too. It is asked once about each, by Permit itself and by the Race that
// dials them, on their goroutine.
func (a *Answers) Permit(permit func(netip.Addr) bool) {
	asked := make(map[netip.Addr]bool)
	a.permit = func(addr netip.Addr) bool {
		may, again := asked[addr]
		if !again {
			may = permit(addr)
			asked[addr] = may
		}
		return may
	}
	a.addrs = slices.DeleteFunc(slices.Clone(a.addrs), func(addr netip.Addr) bool { return !a.permit(addr) })
}

// interleave lets two families take turns, beginning with the first
// (RFC 8305 4).
func interleave(first, second []netip.Addr) []netip.Addr {
	all := make([]netip.Addr, 0, len(first)+len(second))
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			all = append(all, first[i])
		}
		if i < len(second) {
			all = append(all, second[i])
		}
	}
	return all
}

func appendNew(addrs []netip.Addr, addr netip.Addr) []netip.Addr {
	if slices.Contains(addrs, addr) {
		return addrs
	}
	return append(addrs, addr)
}

// StartAfter rotates the addresses so that dialling begins with the one after
// last. An unknown last changes nothing.
func (a *Answers) StartAfter(last netip.Addr) {
	if i := slices.Index(a.addrs, last); i >= 0 {
		a.addrs = slices.Concat(a.addrs[i+1:], a.addrs[:i+1])
		if len(a.addrs) > 0 && a.addrs[0].Is6() {
			a.first = ip6
		} else {
			a.first = ip4
		}
	}
}
