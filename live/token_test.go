package live

import (
	"sync"
	"testing"
)

func TestToken_IsRandomAndTheRegistrysOwn(t *testing.T) {
	var a, b Registry
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { _ = a.token.String() })
	}
	all.Wait()
	one := a.token.String()
	if len(one) < 26 || one != a.token.String() || one == b.token.String() {
		t.Errorf("%q %q %q", one, a.token.String(), b.token.String())
	}
	for given, want := range map[string]bool{one: true, "": false, one[1:]: false, one + "x": false, b.token.String(): false} {
		if a.token.matches(given) != want {
			t.Errorf("%q: %v", given, !want)
		}
	}
}
