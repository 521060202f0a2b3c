package live

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
)

func TestBody_ManyReadersLookOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		looks := 0
		h := idle(1, events.Snapshot{})
		h.Snapshot = func() events.Snapshot { looks++; return events.Snapshot{ID: 1, State: fsm.Ready} }
		r.LifeStart(t.Context(), h)
		looks = 0
		page := r.Handler(Page{Refresh: 2 * time.Second})
		for range 50 {
			ask(page, "GET", "/")
		}
		if looks != 1 {
			t.Errorf("looked %d times", looks)
		}
		ask(page, "GET", "/?state=ready")
		timer := time.NewTimer(time.Second)
		<-timer.C
		ask(page, "GET", "/")
		if looks != 3 {
			t.Errorf("looked %d times", looks)
		}
	})
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "0", 0: "0", 1: "1 µs", 999 * time.Microsecond: "999 µs", time.Millisecond: "1 ms", 999 * time.Millisecond: "999 ms", time.Second: "1 s",
		1500 * time.Millisecond: "1.5 s", 59 * time.Second: "59 s", time.Minute: "1 min", 192 * time.Second: "3 min 12 s", 125 * time.Minute: "2 h 5 min",
	} {
		if got := span(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}

func TestOctets(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 2_500_000: "2.5 MB", 7_000_000_000: "7.0 GB"} {
		if got := octets(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestDrawn_EveryCountIsSeenAndNoneIsTooHigh(t *testing.T) {
	var p phase
	for range 10_000 {
		p.add(time.Millisecond)
	}
	p.add(time.Hour)
	bars := drawn(p.read(fsm.Dial)).Bars
	if len(bars) != buckets || bars[0].Height != barHeight || bars[0].Y != 0 || bars[buckets-1].Height != 2 || bars[3].Height != 0 {
		t.Errorf("%+v", bars)
	}
	if got := bars[buckets-1].Label; got != "over 5 min: 1" {
		t.Error(got)
	}
	if got := bars[0].Label; got != "0 to 1 ms: 10000" {
		t.Error(got)
	}
}
