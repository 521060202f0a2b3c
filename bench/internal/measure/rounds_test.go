package measure

import (
	"errors"
	"slices"
	"testing"
)

func TestOrder_EachIsFirstOnceAndTheNeighboursChange(t *testing.T) {
	for _, n := range []int{1, 2, 3, 6, 7} {
		first := map[int]int{}
		before := map[[2]int]int{} // who came right before whom
		for round := range 2 * n {
			order := Order(n, round)
			if sorted := slices.Sorted(slices.Values(order)); sorted[0] != 0 || sorted[n-1] != n-1 || len(slices.Compact(sorted)) != n {
				t.Fatalf("%d peers, round %d: %v", n, round, order)
			}
			first[order[0]]++
			for i := 1; i < n; i++ {
				before[[2]int{order[i-1], order[i]}]++
			}
		}
		for peer, times := range first {
			if times != 2 {
				t.Errorf("%d peers: %d is first %d times in %d rounds", n, peer, times, 2*n)
			}
		}
		for pair := range before {
			if n > 1 && before[[2]int{pair[1], pair[0]}] == 0 {
				t.Errorf("%d peers: %d is always before %d", n, pair[0], pair[1])
			}
		}
	}
}

func TestRounds_AllHaveTheirTurnBeforeOneHasAnother(t *testing.T) {
	var said []int
	samples, err := Rounds(3, 4, func(peer, round int) (Sample, error) {
		said = append(said, round*10+peer)
		return Sample{Wall: float64(round*10 + peer)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 2, 11, 10, 12, 22, 20, 21, 30, 32, 31}; !slices.Equal(said, want) {
		t.Errorf("turns %v, want %v", said, want)
	}
	for peer, of := range samples {
		for round, s := range of {
			if s[Wall] != float64(round*10+peer) {
				t.Errorf("peer %d, round %d: %v", peer, round, s)
			}
		}
	}
	failure := errors.New("refused")
	if _, err := Rounds(2, 2, func(peer, _ int) (Sample, error) { return nil, failure }); !errors.Is(err, failure) {
		t.Error(err)
	}
}
