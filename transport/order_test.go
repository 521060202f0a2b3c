package transport

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestOnly_C13_KeepsTheFirstAndAsksForNoMore(t *testing.T) {
	a := Literal(addrs("192.0.2.1 192.0.2.2")...)
	a.Only(5)
	wantAddrs(t, a, "192.0.2.1 192.0.2.2")
	a.Only(1)
	wantAddrs(t, a, "192.0.2.1")

	synctest.Test(t, func(t *testing.T) {
		s := &script{v4: scripted{addrs: addrs("192.0.2.1 192.0.2.2")}, v6: scripted{after: time.Second, addrs: addrs("2001:db8::1")}}
		a, err := Resolve(t.Context(), s, "mx.example", true, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		a.Only(1)
		f := &fakeNet{t: t}
		_, err = Race{Dialer: f, Port: 25}.Dial(t.Context(), a)
		if err == nil || !slices.Equal(f.dialled, []string{"0s 192.0.2.1"}) {
			t.Errorf("%v; dialled %q, want one address", err, f.dialled)
		}
	})
}

func TestWithout_RemovesTheSpent(t *testing.T) {
	list := addrs("192.0.2.1 2001:db8::1 192.0.2.2")
	a := Literal(list...)
	a.Without(addrs("2001:db8::1 192.0.2.9"))
	wantAddrs(t, a, "192.0.2.1 192.0.2.2")
	if !slices.Equal(list, addrs("192.0.2.1 2001:db8::1 192.0.2.2")) {
		t.Error("the caller's list was changed")
	}
	a.Without(list)
	wantAddrs(t, a, "")
}

// Each address is asked about once, late ones too, and those that are not
// permitted are not dialled.
func TestPermit_LeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{v4: scripted{addrs: addrs("192.0.2.1 192.0.2.2")}, v6: scripted{after: time.Second, addrs: addrs("2001:db8::1 2001:db8::2 2001:db8::1")}}
		a, err := Resolve(t.Context(), s, "mx.example", false, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		var asked []netip.Addr
		a.Permit(func(addr netip.Addr) bool {
			asked = append(asked, addr)
			return addr == netip.MustParseAddr("2001:db8::2")
		})
		wantAddrs(t, a, "")
		f := &fakeNet{t: t}
		_, err = Race{Dialer: f, Port: 25}.Dial(t.Context(), a)
		if err == nil || len(f.dialled) != 1 || !slices.Equal(asked, addrs("192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2")) {
			t.Errorf("%v; dialled %q, asked %v", err, f.dialled, asked)
		}
	})
}

func TestStartAfter_Rotates(t *testing.T) {
	for last, want := range map[string]string{
		"192.0.2.1":   "2001:db8::1 192.0.2.2 192.0.2.1",
		"2001:db8::1": "192.0.2.2 192.0.2.1 2001:db8::1",
		"192.0.2.2":   "192.0.2.1 2001:db8::1 192.0.2.2",
		"192.0.2.9":   "192.0.2.1 2001:db8::1 192.0.2.2",
	} {
		a := Literal(addrs("192.0.2.1 2001:db8::1 192.0.2.2")...)
		a.StartAfter(netip.MustParseAddr(last))
		wantAddrs(t, a, want)
	}
	a := Literal()
	a.StartAfter(netip.Addr{})
	wantAddrs(t, a, "")
}

// After a rotation the other family of a late answer still takes its turns.
func TestStartAfter_LateAnswersTakeTurns(t *testing.T) {
	a := Literal(addrs("192.0.2.1 2001:db8::1")...)
	a.StartAfter(netip.MustParseAddr("192.0.2.1"))
	a.take(addrs("2001:db8::2"), ip6)
	wantAddrs(t, a, "2001:db8::1 192.0.2.1 2001:db8::2")
}

func TestInterleave_FamiliesTakeTurns(t *testing.T) {
	for _, c := range [][3]string{
		{"192.0.2.1 192.0.2.2", "2001:db8::1 2001:db8::2", "192.0.2.1 2001:db8::1 192.0.2.2 2001:db8::2"},
		{"192.0.2.1", "2001:db8::1 2001:db8::2 2001:db8::3", "192.0.2.1 2001:db8::1 2001:db8::2 2001:db8::3"},
		{"", "2001:db8::1", "2001:db8::1"},
		{"", "", ""},
	} {
		if got := interleave(addrs(c[0]), addrs(c[1])); !slices.Equal(got, addrs(c[2])) {
			t.Errorf("%q and %q: %v", c[0], c[1], got)
		}
	}
}
