package show

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
)

// upload returns the events of a message of size octets, a tenth of it every
// second, and what comes after.
func upload(size, stated int64) []events.Event {
	at := time.Unix(1000, 0)
	all := []events.Event{events.OnRecipient{Header: events.Header{Time: at}, Address: "a@example.net"}}
	for i := range int64(10) {
		all = append(all, events.OnProgress{Header: events.Header{Time: at.Add(time.Duration(i+1) * time.Second)}, Octets: size * (i + 1) / 10, Size: stated})
	}
	return append(all, events.OnDisconnect{Header: events.Header{Time: at.Add(11 * time.Second)}})
}

// However many OnProgress there are, one line tells of them.
func TestProgress_OneLine(t *testing.T) {
	for want, all := range map[string][]events.Event{
		"  10.00 s  OnProgress      20000000 octets, 2.0 MB/s\n":   upload(20e6, 20e6),
		"  10.00 s  OnProgress      500 octets, 50 B/s\n":          upload(500, -1),
		"   1.00 s  OnProgress      100 octets of 1000, 100 B/s\n": upload(1000, 1000)[:2], // nothing follows
	} {
		text := screenOf(Palette{}, all...)
		if !strings.Contains(text, want) || strings.Count(text, "OnProgress") != 1 {
			t.Errorf("%q is missing, or not alone, in\n%s", want, text)
		}
		playtest.CheckPrintable(t, text)
	}
}

// stripped returns text without our escapes.
func stripped(text string) string {
	return regexp.MustCompile("\r|\x1b\\[([0-9]+m|K)").ReplaceAllString(text, "")
}

// On a terminal a bar moves in one place, and is gone when the line is there.
func TestProgress_Bar(t *testing.T) {
	var out bytes.Buffer
	s := NewScreen(&out, Palette{true}, []string{"title"})
	var shares []string
	for _, e := range upload(20e6, 20e6) {
		out.Reset()
		s.Show(e)
		text := out.String()
		if e.Kind() != events.KindProgress {
			continue
		}
		if !strings.HasPrefix(text, "\r") || !strings.HasSuffix(text, "\x1b[K") || strings.Contains(text, "\n") {
			t.Errorf("it does not stay on its line: %q", text)
		}
		if n := Wide(stripped(text)); n >= Columns {
			t.Errorf("%d columns: %q", n, text)
		}
		shares = append(shares, stripped(text))
	}
	if got, want := shares[4], "50 %  10.0 MB, 2.0 MB/s"; !strings.Contains(got, want) {
		t.Errorf("half of it is %q, want %q in it", got, want)
	}
	if text := out.String(); !strings.HasPrefix(text, "\r\x1b[K") || strings.Count(text, "\r") != 1 {
		t.Errorf("the bar is left: %q", text)
	}
}

// A size that is not known has no share, one that was exceeded none over 100 %.
func TestProgress_Share(t *testing.T) {
	for _, c := range []struct {
		octets, size int64
		want         string
	}{
		{0, 100, "····················   0 %  0 B"},
		{5, 100, "█···················   5 %  5 B"},
		{100, 100, "████████████████████ 100 %  100 B"},
		{200, 100, "████████████████████ 100 %  200 B"},
		{200, -1, "200 B"},
		{0, 0, "0 B"},
	} {
		p := progress{last: &events.OnProgress{Octets: c.octets, Size: c.size}}
		if got := p.bar(Palette{}); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.octets, c.size, got, c.want)
		}
	}
}

func TestAmount(t *testing.T) {
	for octets, want := range map[float64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 1.5e6: "1.5 MB", 3e9: "3.0 GB"} {
		if got := amount(octets); got != want || len(got) > 9 {
			t.Errorf("%v: %q, want %q", octets, got, want)
		}
	}
}
