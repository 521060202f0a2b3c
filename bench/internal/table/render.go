package table

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// none stands where a peer takes no part.
const none = "-"

// Write writes the lines as a table for people, without colours, in columns that
// are as wide as they need to be.
func Write(w io.Writer, lines []Line) error {
	rows := [][]string{append(append([]string{"work"}, Columns()...), "ehlo is", "mark", "", "a round", "rounds")}
	for _, l := range lines {
		rows = append(rows, l.cells())
		if l.Row.Cost {
			rows = append(rows, l.cost())
		}
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			if leftAligned(i) {
				fmt.Fprintf(&out, "%-*s  ", widths[i], cell)
			} else {
				fmt.Fprintf(&out, "%*s  ", widths[i], cell)
			}
		}
		trimmed := strings.TrimRight(out.String(), " ")
		out.Reset()
		if _, err := fmt.Fprintln(w, trimmed); err != nil {
			return err
		}
	}
	return nil
}

// leftAligned are the columns of words: title, comparison, mark, verdict, batch.
func leftAligned(column int) bool {
	figures := len(Columns())
	return column == 0 || column > figures && column <= figures+4
}

func (l Line) cells() []string {
	title := l.Row.Title
	if l.Row.Unit != "" {
		title += ", " + l.Row.Unit
	}
	cells := []string{title}
	for _, column := range Columns() {
		cells = append(cells, number(l.Cells, column, l.Row.Digits))
	}
	return append(cells, l.comparison(), l.Row.Mark.text(l.Row.Base, l.Row.Unit), string(l.Verdict),
		count(l.Batch, l.Unit), strconv.Itoa(l.Rounds))
}

// cost is the line below: how often one unit allocates, and how much.
func (l Line) cost() []string {
	cells := []string{"  allocations, octets"}
	for _, column := range Columns() {
		cell := number(l.Allocs, column, 0)
		if cell != none {
			cell += " " + amount(l.Bytes[column])
		}
		cells = append(cells, cell)
	}
	return append(cells, "", "", "", "", "")
}

// comparison is how ehlo stands to its base.
func (l Line) comparison() string {
	switch {
	case math.IsNaN(l.Ratio):
		return ""
	case l.Row.Mark.Kind == Added:
		return fmt.Sprintf("%+.*f to %s", l.Row.Digits, l.Cells["ehlo"]-l.Base, l.Row.Base)
	}
	return fmt.Sprintf("%.2f x %s", l.Ratio, l.Row.Base)
}

func number(of map[string]float64, column string, digits int) string {
	v, ok := of[column]
	if !ok {
		return none
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// amount writes octets short.
func amount(octets float64) string {
	switch {
	case octets >= 1e6:
		return fmt.Sprintf("%.1fM", octets/1e6)
	case octets >= 1e3:
		return fmt.Sprintf("%.1fk", octets/1e3)
	}
	return fmt.Sprintf("%.0f", octets)
}

// group puts commas into a number.
func group(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func count(n int, unit string) string {
	if n != 1 {
		unit += "s"
	}
	return group(n) + " " + unit
}
