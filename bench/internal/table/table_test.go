package table

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/work"
)

// results are made up.
func results() []*work.Result {
	sample := func(cpu, allocs, bytes float64) measure.Sample {
		return measure.Sample{measure.CPUTime: cpu, measure.Allocs: allocs, measure.Bytes: bytes}
	}
	return []*work.Result{
		{Work: work.SessionPlain, Unit: "session", Batch: 15000, Rounds: 3, Peers: []work.Peer{
			{Name: "raw", Samples: []measure.Sample{sample(100, 17, 1800), sample(200, 17, 1800), sample(90, 17, 1800)}},
			{Name: "net/smtp", Samples: []measure.Sample{sample(93, 43, 10400), sample(94, 43, 10400), sample(95, 43, 10400)}},
			{Name: "ehlo", Samples: []measure.Sample{sample(120, 76, 8200), sample(240, 76, 8200), sample(117, 76, 8200)}},
		}},
		{Work: work.BdatKnown, Unit: "message", Batch: 1, Rounds: 1, Peers: []work.Peer{
			{Name: "raw", Samples: []measure.Sample{sample(3500, 2, 120)}},
			{Name: "ehlo", Samples: []measure.Sample{sample(7000.4, 35, 2.1e6)}},
		}},
		{Work: work.IdlePlain, Unit: "session", Batch: 3000, Rounds: 1, Peers: []work.Peer{
			{Name: "raw", Samples: []measure.Sample{{measure.Held: 400}}},
			{Name: "raw+go", Samples: []measure.Sample{{measure.Held: 3300}}},
			{Name: "ehlo", Samples: []measure.Sample{{measure.Held: 5300}}},
		}},
		{Work: work.Telemetry, Unit: "session", Batch: 15000, Rounds: 1, Peers: []work.Peer{
			{Name: "none", Samples: []measure.Sample{sample(120, 75, 8000)}},
			{Name: "off", Samples: []measure.Sample{sample(120, 75.2, 8000)}},
			{Name: "spans", Samples: []measure.Sample{sample(150, 119, 16700)}},
		}},
	}
}

func TestWrite_Golden(t *testing.T) {
	var out strings.Builder
	if err := Write(&out, Lines(Rows(), results())); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/table.txt")
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("testdata/table.txt is no longer what is written:\n%s", out.String())
	}
}

func TestFill_TheRatioIsTheMedianOfThoseOfTheRounds(t *testing.T) {
	l := Lines(Rows(), results())[0]
	if l.Ratio != 1.2 || l.Cells["raw"] != 100 || l.Cells["ehlo"] != 120 || l.Verdict != OK {
		t.Errorf("%+v", l)
	}
	if _, ok := l.Cells["go-mail"]; ok {
		t.Error("a figure of a peer that took no part")
	}
}

func TestMissed(t *testing.T) {
	lines := Lines(Rows(), results())
	if !Missed(lines) || Missed(lines[:1]) {
		t.Error("the second row misses its mark, the first does not")
	}
}

// A row whose work, or whose contestant, has another name would be empty.
func TestRows_NameWhatThereIs(t *testing.T) {
	there := map[string][]string{}
	for _, w := range work.Works() {
		for _, p := range w.Peers {
			there[w.Name] = append(there[w.Name], p.Name)
		}
	}
	shown := map[string]bool{}
	for _, r := range Rows() {
		shown[r.Work] = true
		for _, name := range []string{r.contestant("ehlo"), r.Base} {
			if name != "" && !slices.Contains(there[r.Work], name) {
				t.Errorf("%q: %q is not in %s: %q", r.Title, name, r.Work, there[r.Work])
			}
		}
	}
	for name := range there {
		if !shown[name] {
			t.Errorf("%s has no row", name)
		}
	}
}

func TestForJSON_KnowsNoNaN(t *testing.T) {
	lines := append(Lines(Rows(), results()), Line{Cells: map[string]float64{"raw": math.NaN(), "ehlo": 1}, Ratio: math.Inf(1)})
	text, err := json.Marshal(ForJSON(lines))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"ratio":1.2,"mark":"\u003c= 1.25 x raw, try 1.15","verdict":"ok"`, `"verdict":"MISS"`, `"figures":{"ehlo":1}`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}
