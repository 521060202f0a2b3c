package fsm

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// next is the reference: the table read by hand.
func next(from State, t Trigger) (State, bool) {
	for _, row := range Table() {
		if row.Trigger != t {
			continue
		}
		if slices.Contains(row.From, from) {
			return row.To, true
		}
	}
	return from, false
}

func TestTable_EveryStateIsReachable(t *testing.T) {
	reached := map[State]bool{Idle: true}
	for grown := true; grown; {
		grown = false
		for s := range reached {
			for _, tr := range Triggers() {
				if to, ok := next(s, tr); ok && !reached[to] {
					reached[to], grown = true, true
				}
			}
		}
	}
	for _, s := range States() {
		if !reached[s] {
			t.Errorf("%v cannot be reached", s)
		}
	}
}

func TestTable_EveryStateButClosedCanClose(t *testing.T) {
	for _, s := range States() {
		if to, ok := next(s, Close); s != Closed && (!ok || to != Closed) {
			t.Errorf("close in %v leads to %v, %v", s, to, ok)
		}
	}
}

func TestTable_NoSelfLoopNoDoubleRow(t *testing.T) {
	seen := map[[2]uint8]bool{}
	for _, row := range Table() {
		for _, from := range row.From {
			if from == row.To {
				t.Errorf("%v loops on %v", row.Trigger, from)
			}
			key := [2]uint8{uint8(row.Trigger), uint8(from)}
			if seen[key] {
				t.Errorf("%v from %v is listed twice", row.Trigger, from)
			}
			seen[key] = true
		}
	}
}

func TestTable_OnlyConnectLeavesClosed(t *testing.T) {
	for _, tr := range Triggers() {
		if _, ok := next(Closed, tr); ok != (tr == Connect) {
			t.Errorf("%v from closed: %v", tr, ok)
		}
	}
}

func TestTable_ConnectingIsWhatRetryOrAgainLeaves(t *testing.T) {
	for _, s := range States() {
		_, retry := next(s, Retry)
		_, again := next(s, Again)
		if s.Connecting() != (retry || again) {
			t.Errorf("%v.Connecting() = %v", s, s.Connecting())
		}
	}
}

func TestNames_AreUniqueAndLowerCase(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range States() {
		name := s.String()
		if name == "" || seen[name] || name != strings.ToLower(name) {
			t.Errorf("state %d is named %q", s, name)
		}
		seen[name] = true
	}
	seen = map[string]bool{}
	for _, tr := range Triggers() {
		name := tr.String()
		if name == "" || seen[name] || name != strings.ToLower(name) {
			t.Errorf("trigger %d is named %q", tr, name)
		}
		seen[name] = true
	}
	if State(200).String() != "unknown" || Trigger(200).String() != "unknown" {
		t.Error("a value out of range must say so")
	}
}

// Invariant 1: no transition happens that the table does not list.
func TestMachine_RandomWalkAgreesWithTheTable(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var m Machine
	moved := 0
	for range 20_000 {
		tr := Triggers()[rng.IntN(len(Triggers()))]
		if tr == Close && rng.IntN(4) > 0 {
			continue
		}
		want, ok := next(m.State(), tr)
		if err := m.Fire(tr); (err == nil) != ok {
			t.Fatalf("%v in %v: %v", tr, m.State(), err)
		}
		if m.State() != want {
			t.Fatalf("%v led to %v, want %v", tr, m.State(), want)
		}
		if ok {
			moved++
		}
	}
	if moved < 1000 {
		t.Fatalf("the walk moved only %d times", moved)
	}
}

func TestMachine_ManyAtOnceShareTheBook(t *testing.T) {
	done := make(chan error)
	for range 8 {
		go func() {
			var m Machine
			for range 500 {
				for _, tr := range []Trigger{Connect, Resolved, Dialed, Greeted, Hello, Leave, Close} {
					if err := m.Fire(tr); err != nil {
						done <- err
						return
					}
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// What does not exist is an error and no panic, and leaves the state alone.
func TestMachine_ATriggerThatDoesNotExist(t *testing.T) {
	var m Machine
	if err := m.Fire(triggers); err == nil || m.State() != Idle {
		t.Errorf("%v, %v", err, m.State())
	}
}

func TestMachine_FiringAllocatesNothing(t *testing.T) {
	m := Machine{state: Ready}
	if n := testing.AllocsPerRun(100, func() { _, m.state = m.Fire(Deliver), Ready }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFire(b *testing.B) {
	b.ReportAllocs()
	m := Machine{state: Ready}
	for b.Loop() {
		_ = m.Fire(Leave)
		m.state = Ready
	}
}
