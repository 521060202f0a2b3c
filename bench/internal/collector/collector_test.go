package collector

import (
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	h := times{bounds: []float64{math.Inf(-1), 1e-6, 2e-6, 4e-6, math.Inf(1)}, counts: []uint64{0, 90, 9, 1}}
	for _, c := range []struct{ q, want float64 }{{0.5, 2}, {0.9, 2}, {0.91, 4}, {0.99, 4}, {1, 4}} {
		if got := h.quantile(c.q); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v: %v us, want %v", c.q, got, c.want)
		}
	}
	if h.total() != 100 {
		t.Error(h.total())
	}
	if got := (times{}).quantile(0.5); !math.IsNaN(got) {
		t.Error("of nothing:", got)
	}
}

func TestFitInto_LowersWhatMemoryDoesNotHold(t *testing.T) {
	p := Full()
	for _, free := range []uint64{0, 8e9} {
		if got, said := p.FitInto(free); got != p || said != "" {
			t.Errorf("%d: %+v, %q", free, got, said)
		}
	}
	got, said := p.FitInto(2e9)
	if got.Sessions != 40_000 || said != "40000 sessions instead of 100000: there are 2.0 GB of memory free" {
		t.Errorf("%+v, %q", got, said)
	}
}

func TestMeasure_HasARowForEachSettingAndPutsThemBack(t *testing.T) {
	const percent = 123
	defer debug.SetGCPercent(debug.SetGCPercent(percent))
	r, err := Measure(t.Context(), Plan{Sessions: 200, Working: 2, Cycles: 2, Limit: time.Minute}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sessions != 200 || r.Held < 1000 || r.Held > 30_000 || len(r.Rows) != len(Settings()) {
		t.Errorf("%+v", r)
	}
	for _, row := range r.Rows {
		if row.Messages <= 0 || row.Cycles < 2 || row.Pauses < 4 || row.PauseMax <= 0 || row.Share <= 0 || row.Share > 1 || row.Memory <= 0 {
			t.Errorf("%v: %+v", row.Setting, row)
		}
	}
	if got := debug.SetGCPercent(percent); got != percent {
		t.Error("GOGC is left at", got)
	}
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Error("GOMEMLIMIT is left at", got)
	}
	var out strings.Builder
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"200 sessions in memory", "GOGC=50", "GOGC=400", "GOGC=off GOMEMLIMIT=1.5x"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestWrite_HasADashForWhatIsNotKnown(t *testing.T) {
	var out strings.Builder
	nan := math.NaN()
	if err := (Report{Sessions: 1, Rows: []Row{{Setting: Setting{400, 0}, Share: nan, Pause50: nan, PauseMax: nan, Wait99: 12}}}).Write(&out); err != nil {
		t.Fatal(err)
	}
	row := strings.Fields(out.String()[strings.Index(out.String(), "GOGC"):])
	if want := []string{"GOGC=400", "0", "0", "-", "0", "-", "-", "12", "0.0"}; !slices.Equal(row, want) {
		t.Errorf("%q, want %q", row, want)
	}
}
