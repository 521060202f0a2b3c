package measure

import "testing"

func walls(values ...float64) (s []Sample) {
	for _, v := range values {
		s = append(s, Sample{Wall: v})
	}
	return s
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []Sample
		want float64
		ok   bool
	}{
		{walls(), 0, false},
		{walls(7), 7, true},
		{walls(9, 1, 2), 2, true},
		{walls(1, 100, 4, 2), 3, true},
		{[]Sample{{CPUTime: 1}}, 0, false},
		{[]Sample{{CPUTime: 1}, {Wall: 5}}, 5, true},
	} {
		if got, ok := Median(c.of, Wall); got != c.want || ok != c.ok {
			t.Errorf("%v: %v, %v; want %v, %v", c.of, got, ok, c.want, c.ok)
		}
	}
}

// The ratio of the medians would be 3 here: the machine was slow in one round, for
// both.
func TestMedianRatio_IsOfTheSameRound(t *testing.T) {
	if got, ok := MedianRatio(walls(20, 60, 66), walls(10, 30, 20), Wall); got != 2 || !ok {
		t.Error(got, ok)
	}
	if got, ok := MedianRatio(walls(20), walls(0), Wall); ok {
		t.Error("a ratio to nothing:", got)
	}
	if got, ok := MedianRatio(walls(20), nil, Wall); ok {
		t.Error("a ratio to nobody:", got)
	}
}
