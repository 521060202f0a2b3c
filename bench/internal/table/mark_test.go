package table

import (
	"math"
	"testing"
)

func TestJudge(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		mark                Mark
		figure, base, ratio float64
		digits              int
		want                Verdict
		text                string
	}{
		{Mark{}, 1, 1, 1, 1, Unmarked, ""},
		{Mark{Ratio, 1.25, 1.15}, 120, 100, 1.2, 1, OK, "<= 1.25 x raw, try 1.15"},
		{Mark{Ratio, 1.25, 0}, 125.4, 100, 1.2549, 1, OK, "<= 1.25 x raw"}, // 1.25 is what is printed
		{Mark{Ratio, 1.25, 0}, 126, 100, 1.2551, 1, Miss, "<= 1.25 x raw"},
		{Mark{Ratio, 1.25, 0}, 120, nan, nan, 1, Unknown, "<= 1.25 x raw"},
		{Mark{Most, 6, 4.5}, 6.04, 1, 6, 1, OK, "<= 6 us, try 4.5"},
		{Mark{Most, 6, 4.5}, 6.06, 1, 6, 1, Miss, "<= 6 us, try 4.5"},
		{Mark{Most, 0, 0}, 0.0000006, nan, nan, 1, OK, "<= 0 us"}, // the runtime allocates now and then
		{Mark{Most, 0, 0}, 0.06, nan, nan, 1, Miss, "<= 0 us"},
		{Mark{Most, 6, 0}, nan, nan, nan, 1, Unknown, "<= 6 us"},
		{Mark{Added, 0, 0}, 75.4, 75.1, 1, 0, OK, "+ 0"},
		{Mark{Added, 0, 0}, 76, 75, 1, 0, Miss, "+ 0"},
		{Mark{Added, 0, 0}, 74, 75, 1, 0, OK, "+ 0"},
	} {
		if got := c.mark.Judge(c.figure, c.base, c.ratio, c.digits); got != c.want {
			t.Errorf("%+v of %v, %v, %v: %q, want %q", c.mark, c.figure, c.base, c.ratio, got, c.want)
		}
		if got := c.mark.text("raw", "us"); got != c.text {
			t.Errorf("%+v: %q, want %q", c.mark, got, c.text)
		}
	}
}
