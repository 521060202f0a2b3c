package growth

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// The files that Save writes beside the plots.
const (
	SessionsCSV = "sessions.csv"
	MessagesCSV = "messages.csv"
)

// Save writes the figures and the plots into a directory, which it makes where it
// is missing.
func (g Growth) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{SessionsCSV, g.writeCrowds},
		{MessagesCSV, g.writeLoads},
		{"sessions-cpu.svg", g.plotCrowdCPU},
		{"sessions-memory.svg", g.plotCrowdMemory},
		{"messages-cpu.svg", g.plotLoadCPU},
		{"messages-rate.svg", g.plotLoadRate},
	} {
		if err := save(filepath.Join(dir, f.name), f.write); err != nil {
			return err
		}
	}
	return nil
}

func save(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = write(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (g Growth) writeCrowds(w io.Writer) error {
	rows := [][]string{{"place", "peer", "sessions", "cpu_us_per_session", "octets_per_idle_session"}}
	for _, c := range g.Crowds {
		rows = append(rows, []string{c.Place, c.Peer, strconv.Itoa(c.Sessions), figure(c.CPU), figure(c.Held)})
	}
	return csv.NewWriter(w).WriteAll(rows)
}

func (g Growth) writeLoads(w io.Writer) error {
	rows := [][]string{{"peer", "command", "octets", "cpu_us_per_message", "mb_per_s"}}
	for _, l := range g.Loads {
		rows = append(rows, []string{l.Peer, l.Command, strconv.Itoa(l.Octets), figure(l.CPU), figure(l.Rate)})
	}
	return csv.NewWriter(w).WriteAll(rows)
}

func figure(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
