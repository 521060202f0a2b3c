package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"

	"github.com/ehlo-go/ehlo/bench/internal/work"
)

// settings are the command line.
type settings struct {
	works        []work.Work
	amount       work.Amount
	list         bool
	json, strict bool
	grow         string // directory; "": not asked for
	gc           bool
}

func parse(args []string) (settings, error) {
	var s settings
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	pattern := f.String("work", "", "")
	f.IntVar(&s.amount.Rounds, "rounds", 0, "")
	f.BoolVar(&s.amount.Quick, "quick", false, "")
	f.BoolVar(&s.list, "list", false, "")
	f.BoolVar(&s.json, "json", false, "")
	f.BoolVar(&s.strict, "strict", false, "")
	f.StringVar(&s.grow, "grow", "", "")
	f.BoolVar(&s.gc, "gc", false, "")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("%q is no flag", f.Arg(0))
	}
	given := map[string]bool{}
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	return s, s.complete(given, *pattern)
}

// complete checks what was given and fills in what was not.
func (s *settings) complete(given map[string]bool, pattern string) error {
	switch {
	case given["grow"] && s.grow == "":
		return errors.New("-grow wants a directory")
	case given["grow"] && s.gc:
		return errors.New("-grow and -gc are two runs")
	case (given["grow"] || s.gc) && (given["work"] || s.list || s.json || s.strict):
		return errors.New("-work, -list, -json and -strict are about the table, which -grow and -gc do not make")
	case s.gc && given["rounds"]:
		return errors.New("-gc knows no rounds")
	case given["rounds"] && s.amount.Rounds < 1:
		return fmt.Errorf("-rounds %d: at least 1", s.amount.Rounds)
	case !given["rounds"] && s.amount.Quick:
		s.amount.Rounds = 1
	case !given["rounds"]:
		s.amount.Rounds = 3
	}
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("-work: %w", err)
	}
	for _, w := range work.Works() {
		if wanted.MatchString(w.Name) {
			s.works = append(s.works, w)
		}
	}
	if len(s.works) == 0 {
		return fmt.Errorf("-work %s: no work has such a name; -list shows them", pattern)
	}
	return nil
}
