package measure

// Order returns in which order n peers have their turn in a round, counted from 0.
// Each is first once in n rounds, and every other round goes the other way, so
// that none always has the same one before it.
func Order(n, round int) []int {
	order := make([]int, n)
	for i := range order {
		step := i
		if round%2 == 1 {
			step = n - i
		}
		order[i] = (round + step) % n
	}
	return order
}

// Rounds gives each of n peers its turn in each round and returns the samples: by
// peer, then by round. The first error ends it.
func Rounds(n, rounds int, turn func(peer, round int) (Sample, error)) ([][]Sample, error) {
	samples := make([][]Sample, n)
	for round := range rounds {
		for _, peer := range Order(n, round) {
			s, err := turn(peer, round)
			if err != nil {
				return nil, err
			}
			samples[peer] = append(samples[peer], s)
		}
	}
	return samples, nil
}
