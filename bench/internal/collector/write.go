package collector

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// Write writes the report as a table.
func (r Report) Write(w io.Writer) error {
	fmt.Fprintf(w, "%d sessions in memory, %.1f kB of heap and stack each while all rest\n\n", r.Sessions, r.Held/1000)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "setting\tmessages/s\tcollections\tCPU of GC\tpauses\tmedian, us\tlongest, us\twait 99 %, us\tkB from system/session\t")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%v\t%.0f\t%.0f\t%s\t%d\t%s\t%s\t%s\t%.1f\t\n", row.Setting, row.Messages, row.Cycles,
			known("%.1f %%", 100*row.Share), row.Pauses, known("%.0f", row.Pause50), known("%.0f", row.PauseMax),
			known("%.0f", row.Wait99), row.Memory/1000)
	}
	return t.Flush()
}

// known writes a figure, and a dash for one that is not there: without a collection
// there is no pause.
func known(format string, v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf(format, v)
}
