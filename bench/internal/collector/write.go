package collector

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Write writes the report as a table.
func (r Report) Write(w io.Writer) error {
	fmt.Fprintf(w, "%d sessions in memory, %.1f kB of heap and stack each while all rest\n\n", r.Sessions, r.Held/1000)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "setting\tmessages/s\tcollections\tCPU of GC\tpauses\tmedian, us\tlongest, us\twait 99 %, us\tkB from system/session\t")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%v\t%.0f\t%.0f\t%.1f %%\t%d\t%.0f\t%.0f\t%.0f\t%.1f\t\n", row.Setting, row.Messages, row.Cycles,
			100*row.Share, row.Pauses, row.Pause50, row.PauseMax, row.Wait99, row.Memory/1000)
	}
	return t.Flush()
}
