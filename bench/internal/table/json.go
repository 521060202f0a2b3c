package table

import (
	"maps"
	"math"
)

// JSON is a line as JSON has it, which knows no NaN.
type JSON struct {
	Title   string             `json:"title"`
	Work    string             `json:"work"`
	Unit    string             `json:"unit,omitempty"`
	Figures map[string]float64 `json:"figures"` // by column
	Base    string             `json:"base,omitempty"`
	Ratio   *float64           `json:"ratio,omitempty"` // of ehlo to base
	Mark    string             `json:"mark,omitempty"`
	Verdict Verdict            `json:"verdict,omitempty"`
}

// ForJSON makes lines ready for encoding/json.
func ForJSON(lines []Line) []JSON {
	all := make([]JSON, 0, len(lines))
	for _, l := range lines {
		j := JSON{Title: l.Row.Title, Work: l.Row.Work, Unit: l.Row.Unit, Figures: maps.Clone(l.Cells), Base: l.Row.Base,
			Mark: l.Row.Mark.text(l.Row.Base, l.Row.Unit), Verdict: l.Verdict}
		maps.DeleteFunc(j.Figures, func(_ string, v float64) bool { return !finite(v) })
		if finite(l.Ratio) {
			j.Ratio = &l.Ratio
		}
		all = append(all, j)
	}
	return all
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
