package live

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestPhases_TellHowLongEachTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		_, c := memory(t, &r, smtptest.Config{Latency: 30 * time.Millisecond})
		for range 3 {
			s := linked(t, c)
			timer := time.NewTimer(time.Hour) // of rest, which is no phase
			<-timer.C
			if err := s.Disconnect(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var phases []fsm.State
		for _, p := range r.Phases() {
			phases = append(phases, p.Phase)
			if p.Count != 3 {
				t.Errorf("%v: %d times", p.Phase, p.Count)
			}
			if p.Phase == fsm.Greeting || p.Phase == fsm.Ehlo {
				if p.Total != 90*time.Millisecond || p.Longest != 30*time.Millisecond || p.Quantile(0.5) != 30*time.Millisecond {
					t.Errorf("%+v", p)
				}
				for _, b := range p.Buckets {
					if (b.Count == 3) != (b.AtMost == 50*time.Millisecond) {
						t.Errorf("%v: %+v", p.Phase, b)
					}
				}
			}
		}
		if len(phases) != 4 || phases[0] != fsm.Resolve || phases[1] != fsm.Dial || phases[2] != fsm.Greeting || phases[3] != fsm.Ehlo {
			t.Error(phases)
		}
	})
}

func TestPhases_EachTimeIsInOneBucket(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		-1: time.Millisecond, 0: time.Millisecond, time.Millisecond: time.Millisecond, time.Millisecond + 1: 2 * time.Millisecond,
		300 * time.Second: 300 * time.Second, 300*time.Second + 1: 0, time.Hour: 0,
	} {
		var p phase
		p.add(d)
		got := p.read(fsm.Dial)
		for _, b := range got.Buckets {
			if (b.Count == 1) != (b.AtMost == want) {
				t.Errorf("%v: %+v", d, b)
			}
		}
		if got.Count != 1 || len(got.Buckets) != buckets {
			t.Errorf("%v: %+v", d, got)
		}
	}
}

func TestPhaseTimes_Quantile(t *testing.T) {
	var p phase
	if q := p.read(fsm.Dial).Quantile(0.5); q != 0 {
		t.Errorf("of none: %v", q)
	}
	for range 90 {
		p.add(15 * time.Millisecond)
	}
	for range 9 {
		p.add(900 * time.Millisecond)
	}
	p.add(time.Hour)
	for q, want := range map[float64]time.Duration{0: 20 * time.Millisecond, 0.5: 20 * time.Millisecond, 0.9: 20 * time.Millisecond, 0.95: time.Second, 1: time.Hour} {
		if got := p.read(fsm.Dial).Quantile(q); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
}

func TestPhases_TheTableKnowsEveryState(t *testing.T) {
	var r Registry
	if len(r.phases) != len(fsm.States()) {
		t.Errorf("%d places for %d states", len(r.phases), len(fsm.States()))
	}
}
