package growth

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/bench/internal/peer"
	"github.com/ehlo-go/ehlo/bench/internal/sink"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestMeasure_HasEveryPointOfThePlan(t *testing.T) {
	authority, err := smtptest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate(smtptest.CertOptions{Names: sink.Hosts(1)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := sink.Listen(cert, sink.Hosts(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	plan := Plan{Loopback: []int{5, 20}, Memory: []int{30}, Octets: []int{1000, 70_000}, AtLeast: 10, Rounds: 2, Volume: 140_000}
	g, err := Measure(t.Context(), plan, func() peer.Target { return peer.Target{Address: s.Addresses().Clear[0]} }, nil)
	if err != nil {
		t.Fatal(err)
	}
	var crowds []Crowd
	for _, c := range g.Crowds {
		if c.CPU <= 0 || c.Place == "memory" && c.Held < 500 {
			t.Errorf("%+v", c)
		}
		crowds = append(crowds, Crowd{Place: c.Place, Peer: c.Peer, Sessions: c.Sessions})
	}
	want := []Crowd{{"loopback", "raw+go", 5, 0, 0}, {"loopback", "ehlo", 5, 0, 0}, {"loopback", "raw+go", 20, 0, 0}, {"loopback", "ehlo", 20, 0, 0}, {"memory", "ehlo", 30, 0, 0}}
	if len(crowds) != len(want) {
		t.Fatal(crowds)
	}
	for i := range want {
		if crowds[i] != want[i] {
			t.Errorf("%+v, want %+v", crowds[i], want[i])
		}
	}
	if len(g.Loads) != 8 {
		t.Fatal(g.Loads)
	}
	for i, l := range g.Loads {
		if l.CPU <= 0 || l.Rate <= 0 || l.Peer != []string{"raw", "ehlo"}[i%2] || l.Command != []string{"DATA", "BDAT"}[i/2%2] || l.Octets != plan.Octets[i/4] {
			t.Errorf("%+v", l)
		}
	}
	// 2 commands, of each of 2 peers: a message of each session, and 2 rounds, of the
	// larger ones with a message of each session again
	if got, want := s.Counts().Messages, int64(4*(8+2*144)+4*(8+2*8)); got != want {
		t.Errorf("%d messages have come, want %d", got, want)
	}
	// raw+go and ehlo: 10 in crowds of 5, 20 in one; and 8 sessions of 2 peers for each
	// of 2 commands and 2 sizes
	if got, want := s.Counts().Sessions, int64(2*(10+20)+8*8); got != want {
		t.Errorf("%d sessions have ended, want %d", got, want)
	}
}

func made() Growth {
	return Growth{
		Crowds: []Crowd{
			{"loopback", "raw+go", 10, 100, 3300}, {"loopback", "ehlo", 10, 120, 5300},
			{"loopback", "raw+go", 5000, 110, 3300}, {"loopback", "ehlo", 5000, 130.25, 5300}, {"memory", "ehlo", 100_000, 40, 7500},
		},
		Loads: []Load{
			{"raw", "DATA", 1000, 20, 50}, {"ehlo", "DATA", 1000, 30, 40}, {"raw", "BDAT", 1000, 20, 50}, {"ehlo", "BDAT", 1000, 30, 40},
			{"raw", "DATA", 20_000_000, 4800, 2000}, {"ehlo", "DATA", 20_000_000, 9600, 1500},
		},
	}
}

func TestSave_WritesFiguresAndPlots(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "plots")
	if err := made().Save(dir); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got, want := read(SessionsCSV), "place,peer,sessions,cpu_us_per_session,octets_per_idle_session\n"+
		"loopback,raw+go,10,100.0,3300.0\nloopback,ehlo,10,120.0,5300.0\nloopback,raw+go,5000,110.0,3300.0\n"+
		"loopback,ehlo,5000,130.2,5300.0\nmemory,ehlo,100000,40.0,7500.0\n"; got != want {
		t.Errorf("%s", got)
	}
	if got, want := read(MessagesCSV), "peer,command,octets,cpu_us_per_message,mb_per_s\nraw,DATA,1000,20.0,50.0\nehlo,DATA,1000,30.0,40.0\n"; !strings.HasPrefix(got, want) {
		t.Errorf("%s", got)
	}
	for name, words := range map[string][]string{
		"sessions-cpu.svg":    {"sessions at once", "CPU per session (µs)", "raw+go, loopback", "ehlo, memory", "10k"},
		"sessions-memory.svg": {"sessions at once", "heap and stack per session (kB)", "100k"},
		"messages-cpu.svg":    {"content (octets)", "CPU per message (µs)", "ehlo, BDAT", "10M"},
		"messages-rate.svg":   {"content (octets)", "rate (MB/s)", "raw, DATA", "1k"},
	} {
		said := texts(t, read(name))
		for _, w := range words {
			if !strings.Contains(said, ">"+w+"<") {
				t.Errorf("%s: %q is not in %s", name, w, said)
			}
		}
	}
}

// texts returns what an SVG says, each piece between > and <.
func texts(t *testing.T, svg string) string {
	t.Helper()
	var said strings.Builder
	in, within := xml.NewDecoder(strings.NewReader(svg)), false
	for {
		token, err := in.Token()
		switch {
		case errors.Is(err, io.EOF):
			return said.String()
		case err != nil:
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			within = token.Name.Local == "text"
		case xml.EndElement:
			within = false
		case xml.CharData:
			if within {
				said.WriteString(">" + string(token) + "<")
			}
		}
	}
}
