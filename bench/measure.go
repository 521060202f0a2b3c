package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/ehlo-go/ehlo/bench/internal/collector"
	"github.com/ehlo-go/ehlo/bench/internal/growth"
	"github.com/ehlo-go/ehlo/bench/internal/sink"
	"github.com/ehlo-go/ehlo/bench/internal/table"
	"github.com/ehlo-go/ehlo/bench/internal/work"
)

// tooShort is said of everything that -quick has measured.
const tooShort = "-quick: the batches are too short to be a result"

// measure does what the settings ask for and returns the exit status.
func (p process) measure(ctx context.Context, set settings) (status int, err error) {
	if set.list {
		return exitDone, list(p.stdout, set)
	}
	told := newProgress(p)
	defer told.end()
	if set.gc {
		return exitDone, p.collect(ctx, set, told)
	}
	s, err := sink.Start()
	if err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	bed := &work.Bed{Sink: s}
	if set.grow != "" {
		return exitDone, p.grow(ctx, set, bed, told)
	}
	return p.compare(ctx, set, bed, told)
}

// list prints the works.
func list(w io.Writer, set settings) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range set.works {
		batch, rounds := k.Size(set.amount)
		fmt.Fprintf(t, "%s\t%d %ss\tx %d rounds\n", k.Name, batch, k.Unit, rounds)
	}
	return t.Flush()
}

// compare makes the table.
func (p process) compare(ctx context.Context, set settings, bed *work.Bed, told *progress) (int, error) {
	about, begun := thisMachine(), time.Now()
	var results []*work.Result
	for i, w := range set.works {
		r, err := w.Do(ctx, bed, set.amount, func(peer string, round, rounds int) {
			told.say("%d of %d works: %s, round %d of %d, %s", i+1, len(set.works), w.Name, round, rounds, peer)
		})
		if err != nil {
			return exitFailed, err
		}
		results = append(results, r)
	}
	told.end()
	lines := table.Lines(table.Rows(), results)
	if err := p.print(set, report{Machine: about, Quick: set.amount.Quick, Seconds: time.Since(begun).Seconds(), Works: results}, lines); err != nil {
		return exitFailed, err
	}
	return verdict(set.strict, lines), nil
}

// verdict is the exit status of a run that has measured.
func verdict(strict bool, lines []table.Line) int {
	if strict && table.Missed(lines) {
		return exitFailed
	}
	return exitDone
}

// report is what -json prints.
type report struct {
	Machine machine        `json:"machine"`
	Quick   bool           `json:"quick"` // too short to be a result
	Seconds float64        `json:"seconds"`
	Works   []*work.Result `json:"works"`
	Lines   []table.JSON   `json:"lines"`
}

func (p process) print(set settings, r report, lines []table.Line) error {
	if set.json {
		r.Lines = table.ForJSON(lines)
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		return out.Encode(r)
	}
	r.Machine.write(p.stdout)
	fmt.Fprintf(p.stdout, "took     %.0f s\n", r.Seconds)
	if r.Quick {
		fmt.Fprintln(p.stdout, tooShort)
	}
	fmt.Fprintln(p.stdout)
	return table.Write(p.stdout, lines)
}

// grow measures growth and writes its files.
func (p process) grow(ctx context.Context, set settings, bed *work.Bed, told *progress) error {
	plan := growth.Full(set.amount.Rounds)
	if set.amount.Quick {
		plan = growth.Quick()
	}
	thisMachine().write(p.stdout)
	g, err := growth.Measure(ctx, plan, bed.Clear, func(what string) { told.say("%s", what) })
	told.end()
	if err != nil {
		return err
	}
	if set.amount.Quick {
		fmt.Fprintln(p.stdout, tooShort)
	}
	if err := g.Save(set.grow); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "\nwritten to %s\n", set.grow)
	return nil
}

// collect measures the collector.
func (p process) collect(ctx context.Context, set settings, told *progress) error {
	about := thisMachine()
	plan := collector.Full()
	if set.amount.Quick {
		plan = collector.Quick()
	}
	plan, lowered := plan.FitInto(about.Memory)
	r, err := collector.Measure(ctx, plan, func(what string) { told.say("%s", what) })
	told.end()
	if err != nil {
		return err
	}
	about.write(p.stdout)
	if lowered != "" {
		fmt.Fprintln(p.stdout, lowered)
	}
	if set.amount.Quick {
		fmt.Fprintln(p.stdout, tooShort)
	}
	fmt.Fprintln(p.stdout)
	return r.Write(p.stdout)
}
