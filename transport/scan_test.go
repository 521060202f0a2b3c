package transport

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// linesOf is the slow and plain reading of content: its lines, and what is left
// without an end.
func linesOf(content string) (ended []string, open string) {
	all := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(content), "\n")
	return all[:len(all)-1], all[len(all)-1]
}

// wanted is what Scan ought to say.
func wanted(content string) Facts {
	lines, open := linesOf(content)
	f := Facts{
		BareCRs:   int64(strings.Count(content, "\r") - strings.Count(content, "\r\n")),
		BareLFs:   int64(strings.Count(content, "\n") - strings.Count(content, "\r\n")),
		FirstBare: int64(strings.IndexAny(strings.ReplaceAll(content, "\r\n", "--"), "\r\n")),
		Ended:     open == "",
	}
	if open != "" {
		lines = append(lines, open)
	}
	inHeader := true
	for _, line := range lines {
		f.Octets += int64(len(line)) + 2
		f.Longest = max(f.Longest, int64(len(line)))
		if strings.HasPrefix(line, ".") {
			f.DotLines++
		}
		if len(line) > 998 {
			f.LongLines++
		}
		inHeader = inHeader && line != ""
		if strings.ContainsFunc(line, func(r rune) bool { return r > 127 }) {
			f.EightBit = true
			f.EightBitHeader = f.EightBitHeader || inHeader
		}
	}
	return f
}

// scanned is what a Scanner says about content that comes in blocks.
func scanned(blocks [][]byte) Facts {
	var s Scanner
	for _, b := range blocks {
		s.Scan(b)
	}
	return s.Facts()
}

// everyContent calls f with each content of up to most octets over the alphabet
// and each way to cut it into blocks.
func everyContent(alphabet string, most int, f func(content string, blocks [][]byte)) {
	content := make([]byte, 0, most)
	var grow func()
	grow = func() {
		for cuts := range 1 << max(len(content)-1, 0) {
			var blocks [][]byte
			start := 0
			for i := 1; i <= len(content); i++ {
				if i == len(content) || cuts>>(i-1)&1 == 1 {
					blocks = append(blocks, content[start:i])
					start = i
				}
			}
			f(string(content), blocks)
		}
		if len(content) == most {
			return
		}
		for _, c := range []byte(alphabet) {
			content = append(content, c)
			grow()
			content = content[:len(content)-1]
		}
	}
	grow()
}

// mail returns content of about n octets that has, here and there, all that is
// to be found, and long stretches of lines of one length.
func mail(r *rand.Rand, n int) string {
	ends := []string{"\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "\n\r"}
	if r.IntN(2) == 0 {
		ends = ends[:1]
	}
	parts := []string{".", "..", "é", "\x00", "", "word ", strings.Repeat("0123456789", 120)}
	var b strings.Builder
	for b.Len() < n {
		line := strings.Repeat("x", r.IntN(80))
		for range r.IntN(40) {
			b.WriteString(line + ends[0])
		}
		b.WriteString(parts[r.IntN(len(parts))] + line[:r.IntN(len(line)+1)] + ends[r.IntN(len(ends))])
	}
	return b.String()[:n]
}

// cut cuts content at random places.
func cut(r *rand.Rand, content string) (blocks [][]byte) {
	for b := []byte(content); len(b) > 0; {
		n := 1 + r.IntN(min(len(b), 1<<r.IntN(17)))
		blocks = append(blocks, b[:n])
		b = b[n:]
	}
	return blocks
}

func TestScan_AgreesWithTheSlowReadingHoweverItIsCut(t *testing.T) {
	everyContent("\r\n.a\x80", 5, func(content string, blocks [][]byte) {
		if got, want := scanned(blocks), wanted(content); got != want {
			t.Fatalf("%q as %q:\n got %+v\nwant %+v", content, blocks, got, want)
		}
	})
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		content := mail(r, r.IntN(3*scanBlock))
		blocks := cut(r, content)
		if got, want := scanned(blocks), wanted(content); got != want {
			t.Fatalf("mail %d in %d blocks:\n got %+v\nwant %+v", seed, len(blocks), got, want)
		}
		if got, want := Scan([]byte(content)), wanted(content); got != want {
			t.Fatalf("mail %d:\n got %+v\nwant %+v", seed, got, want)
		}
	}
}

func TestScan_FactsOnTheWayAreThoseOfContentThatEndsThere(t *testing.T) {
	content := "a: b\r\nc: é\r\r\n..\n" + strings.Repeat("x", 1000) + "\r\n.\r"
	var s Scanner
	for i := range len(content) {
		s.Scan([]byte(content[i : i+1]))
		if got, want := s.Facts(), wanted(content[:i+1]); got != want {
			t.Fatalf("after %d octets:\n got %+v\nwant %+v", i+1, got, want)
		}
	}
}

func TestScan_ALineIsLongOver998Octets(t *testing.T) {
	for _, c := range []struct {
		octets int
		long   int64
	}{{997, 0}, {998, 0}, {999, 1}, {100_000, 1}} {
		for _, end := range []string{"\r\n", "\n", "\r", ""} {
			content := "a\r\n" + strings.Repeat("x", c.octets) + end
			f := Scan([]byte(content))
			if f.LongLines != c.long || f.Longest != int64(c.octets) {
				t.Errorf("%d octets and %q: %d long lines, the longest of %d", c.octets, end, f.LongLines, f.Longest)
			}
		}
		const alike = 20 // which are counted together
		if f := Scan([]byte(strings.Repeat(strings.Repeat("x", c.octets)+"\r\n", alike))); f.LongLines != alike*c.long {
			t.Errorf("%d lines of %d octets: %d long ones", alike, c.octets, f.LongLines)
		}
	}
}

func TestScan_OnlyTheHeadersEightBitOctetsAreOfTheHeader(t *testing.T) {
	for content, want := range map[string][2]bool{ // in all, in the header
		"":                                   {false, false},
		"a: b\r\n\r\nc":                      {false, false},
		"a: é\r\n\r\nc":                      {true, true},
		"a: b\r\n\r\né":                      {true, false},
		"a: b\r\r\né":                        {true, false},
		"a: b\n\né":                          {true, false},
		"\r\né":                              {true, false},
		"a: b\r\n é":                         {true, true},
		"a: b\r\n \r\né":                     {true, true},
		strings.Repeat("a", 40) + "\r\n\xff": {true, true},
	} {
		for i := range len(content) + 1 {
			f := scanned([][]byte{[]byte(content[:i]), []byte(content[i:])})
			if f.EightBit != want[0] || f.EightBitHeader != want[1] {
				t.Errorf("%q cut at %d: %v and %v in the header", content, i, f.EightBit, f.EightBitHeader)
			}
		}
	}
}

func TestScan_AnEightBitOctetIsSeenWhereverItIs(t *testing.T) {
	for i := range 100 {
		content := bytes.Repeat([]byte("\x7f"), 100)
		content[i] = 0x80
		if !Scan(content).EightBit {
			t.Errorf("not at octet %d", i)
		}
	}
}

func TestScan_AGuessedLineNeverHidesAnother(t *testing.T) {
	alike := strings.Repeat("0123456789\r\n", 8)
	for _, odd := range []string{"012\r\n34567\r\n", "012\n3456789\r\n", "012\r3456789\r\n", ".12\r\n", "0123456789\n", "0123456789\r", "0123456789\r\r\n", "0123\n56789\rab\r\n", "\r\n", ""} {
		content := alike + odd + alike
		if got, want := Scan([]byte(content)), wanted(content); got != want {
			t.Errorf("with %q:\n got %+v\nwant %+v", odd, got, want)
		}
	}
}

func TestScan_CleanContentNeedsNoChange(t *testing.T) {
	for content, want := range map[string]bool{
		"": true, "\r\n": true, "a\r\n": true, ".\r\n": true, "é\x00\r\n": true,
		"a": false, "a\n": false, "a\r": false, "a\r\r\n": false, "a\n\r\n": false,
	} {
		if got := Scan([]byte(content)).Clean(); got != want {
			t.Errorf("%q: clean %v", content, got)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("a: é\r\n\r\n.\n"), uint64(1))
	f.Fuzz(func(t *testing.T, content []byte, seed uint64) {
		blocks := cut(rand.New(rand.NewPCG(seed, 0)), string(content))
		if got, want := scanned(blocks), wanted(string(content)); got != want {
			t.Errorf("%q:\n got %+v\nwant %+v", blocks, got, want)
		}
	})
}

// benchmarkContents are 20 MB each.
func benchmarkContents() map[string][]byte {
	const size = 20_000_000
	fill := func(line func(i int) string) []byte {
		b := slices.Grow([]byte("Subject: a message\r\n\r\n"), size+100)
		for i := 0; len(b) < size; i++ {
			b = append(b, line(i)...)
		}
		return b
	}
	r := rand.New(rand.NewPCG(1, 2))
	base64 := strings.Repeat("QUJD", 19) + "\r\n"
	text := strings.Repeat("words and ", 6)
	ragged := fill(func(int) string { return text[:35+r.IntN(26)] + "\r\n" })
	return map[string][]byte{
		"Base64": fill(func(int) string { return base64 }),
		"Text":   fill(func(int) string { return text + "\r\n" }),
		"Ragged": ragged,
		"Dots":   fill(func(i int) string { return strings.Repeat(".", max(0, i%20-18)) + text + "\r\n" }),
		"LF":     bytes.ReplaceAll(ragged, []byte("\r\n"), []byte("\n")),
		"CR":     bytes.ReplaceAll(ragged, []byte("\r\n"), []byte("\r")),
	}
}

func BenchmarkScan(b *testing.B) {
	for name, content := range benchmarkContents() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				Scan(content)
			}
		})
	}
}

func TestScan_AllocatesNothing(t *testing.T) {
	content := fmt.Appendf(nil, "%01000d\r\n\r\n.\n", 0)
	if n := testing.AllocsPerRun(100, func() { Scan(content) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
