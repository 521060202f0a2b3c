package live

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// body is the changing part of the page, as its template gets it: texts that
// are escaped for the eye, and numbers.
type body struct {
	Time     string
	Total    int
	Only     string // the state that is asked for
	Matching int
	LeftOut  int
	States   []stateRow
	Sessions []sessionRow
	Phases   []phaseRow
	Failures []failureRow
	ReadOnly bool
	Token    string
}

type stateRow struct {
	Name     string
	Count    int
	Selected bool
}

type sessionRow struct {
	ID        uint64
	State     string
	For       string
	Host      string
	Peer      string
	Attempt   int
	TLS, Auth bool
	Waiting   int
	Written   string
	Read      string
	Reply     string
	Aborted   bool
}

type phaseRow struct {
	Name                       string
	Count                      uint64
	Half, Most, Longest, First string
	Last                       string
	Bars                       []bar
}

// bar is one of a histogram, in the units of the drawing.
type bar struct {
	X, Y, Height int
	Label        string
}

type failureRow struct {
	Time, Ago, Event, Host, Text string
	Session                      uint64
}

// body returns what the template makes of the sessions that f wants: one for all
// who ask within half a refresh. Its lock is between readers; no session ever
// waits for it.
func (h *handler) body(f filter) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if m, ok := h.made[f]; ok && now.Sub(m.at) < h.page.Refresh/2 {
		return m.body, nil
	}
	var b bytes.Buffer
	if err := h.template.ExecuteTemplate(&b, "body", h.look(f, now)); err != nil {
		return nil, err
	}
	h.made[f] = made{b.Bytes(), now}
	return b.Bytes(), nil
}

// forget makes the next body a new one.
func (h *handler) forget() {
	h.mu.Lock()
	clear(h.made)
	h.mu.Unlock()
}

// look looks at all sessions briefly, and at those that are listed.
func (h *handler) look(f filter, now time.Time) body {
	var counts [fsm.Closed + 1]int
	b := body{Time: now.UTC().Format("15:04:05 UTC"), Only: f.String(), ReadOnly: h.page.ReadOnly, Token: h.registry.token.String()}
	entries := h.registry.entries(func(e *entry) bool {
		st := e.in()
		counts[st]++
		b.Total++
		return f.wants(st)
	})
	b.Matching = len(entries)
	shown := 0
	for _, e := range entries[:min(len(entries), h.page.Rows)] {
		shown++
		if s := e.handle.Snapshot(); f.wants(s.State) { // it may have gone on
			b.Sessions = append(b.Sessions, rowOf(e, s, now))
		}
	}
	b.LeftOut = b.Matching - shown
	for _, s := range fsm.States() {
		if n := counts[s]; n > 0 || f.only && f.state == s {
			b.States = append(b.States, stateRow{s.String(), n, f.only && f.state == s})
		}
	}
	for _, p := range h.registry.Phases() {
		b.Phases = append(b.Phases, drawn(p))
	}
	for _, e := range h.registry.Failures() {
		b.Failures = append(b.Failures, failureRow{Time: e.Time.UTC().Format("15:04:05"), Ago: span(now.Sub(e.Time)),
			Event: e.Event.String(), Host: e.Host, Text: e.Text, Session: e.Session})
	}
	return b
}

func rowOf(e *entry, s events.Snapshot, now time.Time) sessionRow {
	host := s.Host
	if s.Port != 0 {
		host = net.JoinHostPort(host, strconv.Itoa(s.Port))
	}
	row := sessionRow{ID: s.ID, State: s.State.String(), Host: smtp.Escape(host), Peer: smtp.Escape(s.Remote), Attempt: s.Attempt, TLS: s.Secure,
		Auth: s.Authenticated, Waiting: s.Waiting, Written: octets(s.Written), Read: octets(s.Read), Reply: s.Reply.String(), Aborted: e.aborted.Load()}
	if !s.Since.IsZero() {
		row.For = span(now.Sub(s.Since))
	}
	return row
}

// The measures of a histogram's drawing.
const (
	barStep   = 9
	barHeight = 36
)

// drawn draws a histogram, the highest bar at full height, and each count to be
// seen.
func drawn(p PhaseTimes) phaseRow {
	row := phaseRow{Name: p.Phase.String(), Count: p.Count, Half: span(p.Quantile(0.5)), Most: span(p.Quantile(0.95)), Longest: span(p.Longest)}
	highest := uint64(1)
	for _, b := range p.Buckets {
		highest = max(highest, b.Count)
	}
	var from time.Duration
	for i, b := range p.Buckets {
		height := int(float64(b.Count) / float64(highest) * barHeight)
		if b.Count > 0 {
			height = max(height, 2)
		}
		label := fmt.Sprintf("%s to %s: %d", span(from), span(b.AtMost), b.Count)
		if b.AtMost == 0 {
			label = fmt.Sprintf("over %s: %d", span(from), b.Count)
		}
		row.Bars = append(row.Bars, bar{X: i * barStep, Y: barHeight - height, Height: height, Label: label})
		from = cmp.Or(b.AtMost, from)
	}
	row.First, row.Last = "≤ "+span(p.Buckets[0].AtMost), "> "+span(from)
	return row
}

// span prints a time as people read it.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", max(1, d.Microseconds()))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour && d%time.Minute < time.Second:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

// octets prints a number of octets as people read it.
func octets(n int64) string {
	const k = 1000
	switch {
	case n < k:
		return fmt.Sprintf("%d B", n)
	case n < k*k:
		return fmt.Sprintf("%.1f kB", float64(n)/k)
	case n < k*k*k:
		return fmt.Sprintf("%.1f MB", float64(n)/k/k)
	default:
		return fmt.Sprintf("%.1f GB", float64(n)/k/k/k)
	}
}
