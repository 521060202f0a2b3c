package show

import (
	"fmt"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/events"
)

// progress is how far the content of a message has got.
type progress struct {
	last  *events.OnProgress
	since time.Time // the event before the first
}

func (p *progress) take(e events.OnProgress) { p.last = &e }

// rate returns the octets a second so far; 0 where the time is too short to tell.
func (p *progress) rate(e events.OnProgress) float64 {
	const least = 10 * time.Millisecond
	if d := e.Time.Sub(p.since); !p.since.IsZero() && d >= least {
		return float64(e.Octets) / d.Seconds()
	}
	return 0
}

// sum says it in words: the octets, the whole if that is more, the rate.
func (p *progress) sum(e events.OnProgress) string {
	text := fmt.Sprintf("%d octets", e.Octets)
	if e.Size > e.Octets {
		text += fmt.Sprintf(" of %d", e.Size)
	}
	if r := p.rate(e); r > 0 {
		text += ", " + amount(r) + "/s"
	}
	return text
}

// bar draws it: the share where the size is known, the amount, the rate.
func (p *progress) bar(colours Palette) string {
	e := *p.last
	text := amount(float64(e.Octets))
	if r := p.rate(e); r > 0 {
		text += ", " + amount(r) + "/s"
	}
	if e.Size <= 0 {
		return text
	}
	const full = 20
	share := min(max(float64(e.Octets)/float64(e.Size), 0), 1)
	n := int(share * full)
	return fmt.Sprintf("%s%s %3d %%  %s", colours.blue(strings.Repeat("█", n)), colours.dim(strings.Repeat("·", full-n)), int(share*100), text)
}

// amount returns octets in at most nine columns.
func amount(octets float64) string {
	switch {
	case octets < 1000:
		return fmt.Sprintf("%.0f B", octets)
	case octets < 1e6:
		return fmt.Sprintf("%.1f kB", octets/1e3)
	case octets < 1e9:
		return fmt.Sprintf("%.1f MB", octets/1e6)
	}
	return fmt.Sprintf("%.1f GB", octets/1e9)
}
