package table

import (
	"math"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/work"
)

// Columns are the peers, as the table shows them.
func Columns() []string { return []string{"raw", "raw+go", "net/smtp", "go-smtp", "go-mail", "ehlo"} }

// Row is one line of the table.
type Row struct {
	Title  string
	Work   string
	Metric measure.Metric
	Scale  float64 // what a sample is divided by for this row; 0 means 1
	Unit   string  // of the cells, behind the title
	Digits int     // behind the point
	Ours   string  // who stands in ehlo's column; "": ehlo
	Alone  bool    // the other columns have nothing to say to it
	Base   string  // what Ours is compared with; "": nothing
	Mark   Mark
	// Cost adds a line with the allocations below.
	Cost bool
}

// Line is a row with its figures.
type Line struct {
	Row     Row
	Batch   int
	Rounds  int
	Unit    string             // of the work
	Cells   map[string]float64 // by column; absent: that peer takes no part
	Base    float64            // NaN: there is none
	Ratio   float64            // of ehlo to Base, NaN: there is none
	Allocs  map[string]float64
	Bytes   map[string]float64
	Verdict Verdict
}

// Fill makes the line of a row from the result of its work.
func (r Row) Fill(of *work.Result) Line {
	l := Line{Row: r, Batch: of.Batch, Rounds: of.Rounds, Unit: of.Unit,
		Cells: map[string]float64{}, Allocs: map[string]float64{}, Bytes: map[string]float64{}, Base: math.NaN(), Ratio: math.NaN()}
	scale := r.Scale
	if scale == 0 {
		scale = 1
	}
	for _, column := range Columns() {
		if r.Alone && column != "ehlo" {
			continue
		}
		samples := of.Of(r.contestant(column))
		set(l.Cells, column, samples, r.Metric, scale)
		set(l.Allocs, column, samples, measure.Allocs, 1)
		set(l.Bytes, column, samples, measure.Bytes, 1)
	}
	ours := of.Of(r.contestant("ehlo"))
	if base := of.Of(r.Base); base != nil {
		if v, ok := measure.Median(base, r.Metric); ok {
			l.Base = v / scale
		}
		if v, ok := measure.MedianRatio(ours, base, r.Metric); ok {
			l.Ratio = v
		}
	}
	figure, ok := l.Cells["ehlo"]
	if !ok {
		figure = math.NaN()
	}
	l.Verdict = r.Mark.Judge(figure, l.Base, l.Ratio, r.Digits)
	return l
}

// contestant returns who stands in a column.
func (r Row) contestant(column string) string {
	if column == "ehlo" && r.Ours != "" {
		return r.Ours
	}
	return column
}

func set(to map[string]float64, column string, samples []measure.Sample, m measure.Metric, scale float64) {
	if v, ok := measure.Median(samples, m); ok {
		to[column] = v / scale
	}
}

// Lines fills the rows whose works have a result, in the order of the rows.
func Lines(rows []Row, results []*work.Result) []Line {
	byName := map[string]*work.Result{}
	for _, r := range results {
		byName[r.Work] = r
	}
	var lines []Line
	for _, row := range rows {
		if r := byName[row.Work]; r != nil {
			lines = append(lines, row.Fill(r))
		}
	}
	return lines
}

// Missed reports whether a line misses its mark.
func Missed(lines []Line) bool {
	for _, l := range lines {
		if l.Verdict == Miss {
			return true
		}
	}
	return false
}
