package table

import (
	"fmt"
	"math"
	"strconv"
)

// Mark is what ehlo has to reach. The zero value is none.
type Mark struct {
	Kind  MarkKind
	Limit float64
	Try   float64 // what would be better; 0: nothing is said of it
}

// MarkKind is how a mark is meant.
type MarkKind uint8

// The kinds.
const (
	NoMark MarkKind = iota
	Ratio           // at most Limit times the base's figure
	Most            // at most Limit, in the row's unit
	Added           // at most Limit more than the base's figure, in the row's unit
)

// Verdict is what became of a mark.
type Verdict string

// The verdicts.
const (
	Unmarked Verdict = ""
	OK       Verdict = "ok"
	Miss     Verdict = "MISS"
	Unknown  Verdict = "?" // there are no figures
)

// Judge compares with the mark what is printed: a figure and its base, rounded to so
// many digits behind the point, and a ratio to two. NaN is a figure that is not
// there.
func (m Mark) Judge(figure, base, ratio float64, digits int) Verdict {
	var value float64
	switch m.Kind {
	case NoMark:
		return Unmarked
	case Ratio:
		value = rounded(ratio, 2)
	case Added:
		value = rounded(figure-base, digits)
	case Most:
		value = rounded(figure, digits)
	}
	switch {
	case math.IsNaN(value):
		return Unknown
	case value <= m.Limit:
		return OK
	}
	return Miss
}

func rounded(v float64, digits int) float64 {
	unit := math.Pow10(digits)
	return math.Round(v*unit) / unit
}

// text is how a mark is written. base is the name of what a ratio is to.
func (m Mark) text(base, unit string) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	s := ""
	switch m.Kind {
	case NoMark:
		return ""
	case Ratio:
		s = fmt.Sprintf("<= %s x %s", number(m.Limit), base)
	case Most:
		s = "<= " + number(m.Limit)
		if unit != "" {
			s += " " + unit
		}
	case Added:
		s = "+ " + number(m.Limit)
	}
	if m.Try > 0 {
		s += ", try " + number(m.Try)
	}
	return s
}
