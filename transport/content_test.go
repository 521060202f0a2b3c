package transport

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

// onTheWire is the slow and plain way content goes out.
func onTheWire(content string, dots bool) string {
	lines, open := linesOf(content)
	if open != "" {
		lines = append(lines, open)
	}
	var b strings.Builder
	for _, line := range lines {
		if dots && strings.HasPrefix(line, ".") {
			b.WriteString(".")
		}
		b.WriteString(line + "\r\n")
	}
	if dots {
		b.WriteString(".\r\n")
	}
	return b.String()
}

// ways are the two of an Encoder to return a block.
var ways = map[string]func(e *Encoder, block []byte) ([]byte, error){
	"Encode": func(e *Encoder, block []byte) ([]byte, error) {
		pieces, err := e.Encode(block)
		return bytes.Join(pieces, nil), err
	},
	"Append": func(e *Encoder, block []byte) ([]byte, error) {
		b, err := e.Append([]byte("before"), block)
		return bytes.TrimPrefix(b, []byte("before")), err
	},
}

// checkEncoder compares what e makes of the blocks, both ways, with what is
// right.
func checkEncoder(t *testing.T, e *Encoder, content string, blocks [][]byte) {
	t.Helper()
	for name, way := range ways {
		e.Reset()
		var out []byte
		for _, block := range blocks {
			b, err := way(e, block)
			if err != nil {
				t.Fatalf("%s of %.200q: %v", name, blocks, err)
			}
			if bytes.HasSuffix(b, []byte("\r")) {
				t.Fatalf("%s of %.200q: a block ends between CR and LF", name, blocks)
			}
			out = append(out, b...)
		}
		end, err := e.End()
		if err != nil {
			t.Fatalf("%s of %.200q: %v", name, blocks, err)
		}
		out = append(out, end...)
		if want := onTheWire(content, e.Dots); string(out) != want {
			t.Fatalf("%s of %.200q:\n got %.500q\nwant %.500q", name, blocks, out, want)
		}
		f := e.Facts()
		if f != wanted(content) {
			t.Fatalf("%s of %.200q:\n got %+v\nwant %+v", name, blocks, f, wanted(content))
		}
		octets := f.Octets
		if e.Dots {
			octets += f.DotLines + int64(len(".\r\n"))
		}
		if int64(len(out)) != octets {
			t.Fatalf("%s of %.200q: %d octets, and the facts say %d", name, blocks, len(out), octets)
		}
	}
}

func TestEncoder_AgreesWithTheSlowWayHoweverContentIsCut(t *testing.T) {
	encoders := []*Encoder{{Dots: true}, {}}
	everyContent("\r\n.a\x80", 5, func(content string, blocks [][]byte) {
		for _, e := range encoders {
			checkEncoder(t, e, content, blocks)
		}
	})
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		content := mail(r, r.IntN(100_000))
		blocks := cut(r, content)
		for _, e := range encoders {
			checkEncoder(t, e, content, blocks)
		}
	}
}

func TestEncoder_H6_NoContentSmugglesAnEnd(t *testing.T) {
	for _, smuggled := range []string{
		"\n.\n", "\r.\r", "\r\n.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r\n", "\r.\r\n", "\r.\n", "\n.\r",
		"\r\r\n.\r\r\n", "\r\n\r.\r\n", "\n\r.\n\r", "\r\n.\x00\r\n", "\r\n..\r\n", ".\r\n", ".",
	} {
		content := "a: b\r\n\r\nc" + smuggled + "MAIL FROM:<>\r\nDATA\r\n" + smuggled
		for i := range len(content) + 1 {
			for j := i; j <= len(content); j++ {
				blocks := [][]byte{[]byte(content[:i]), []byte(content[i:j]), []byte(content[j:])}
				for _, e := range []*Encoder{{Dots: true}, {}} {
					checkEncoder(t, e, content, blocks)
				}
			}
		}
	}
}

func TestEncoder_H6_ABareCROrLFIsRefusedWithItsOffset(t *testing.T) {
	for content, offset := range map[string]string{
		"a\nb": "1", "a\rb\n": "1", "a\r\n\nb": "3", "a\r\r\n": "1", "a\r\n.\n": "4", "\n": "0", "\r": "0", "ab\r": "2",
		"a\r\n\r": "3",
		"a":       "", "": "", "a\r\n": "", "\r\n.\r\n": "",
	} {
		for name, way := range ways {
			for i := range len(content) + 1 {
				e := Encoder{Dots: true, Strict: true}
				_, err1 := way(&e, []byte(content[:i]))
				_, err2 := way(&e, []byte(content[i:]))
				_, err := e.End()
				if (err == nil) != (offset == "") {
					t.Errorf("%s of %q cut at %d: %v", name, content, i, err)
				}
				if err == nil {
					if err1 != nil || err2 != nil {
						t.Errorf("%s of %q cut at %d: %v, %v", name, content, i, err1, err2)
					}
					continue
				}
				if !errors.Is(err, smtp.ErrInvalid) || !strings.Contains(err.Error(), "octet "+offset+":") {
					t.Errorf("%s of %q cut at %d: %v", name, content, i, err)
				}
				// Before the end what follows a last CR is not known.
				if bare := strings.TrimSuffix(content, "\r"); wanted(bare).FirstBare >= 0 && err1 == nil && err2 == nil {
					t.Errorf("%s of %q cut at %d: refused only at the end", name, content, i)
				}
			}
		}
	}
}

func TestEncoder_CleanContentIsNotCopied(t *testing.T) {
	clean := []byte(strings.Repeat("0123456789\r\n", 1000))
	for _, e := range []*Encoder{{Dots: true}, {}} {
		for range 2 {
			pieces, err := e.Encode(clean)
			if err != nil || len(pieces) != 1 || &pieces[0][0] != &clean[0] || len(pieces[0]) != len(clean) {
				t.Errorf("dots %v: %d pieces, %v", e.Dots, len(pieces), err)
			}
		}
	}
	// Long runs stay where they are beside what is inserted, also at the end.
	dotted := append(append(bytes.Clone(clean), ".a\r\n"...), clean[:len(clean)-1]...)
	e := Encoder{Dots: true}
	pieces, _ := e.Encode(dotted)
	end, _ := e.End()
	if len(pieces) != 4 || &pieces[0][0] != &dotted[0] || string(pieces[1]) != "." || &pieces[2][0] != &dotted[len(clean)] || string(pieces[3]) != "\n" {
		t.Errorf("%d pieces, want a run, a dot, a run and a LF", len(pieces))
	}
	if string(end) != ".\r\n" || string(pieces[3]) != "\n" {
		t.Errorf("the end is %q, after %q", end, pieces[3])
	}
}

func TestEncoder_AnEndIsWhatTheContentLacks(t *testing.T) {
	for content, want := range map[string][2]string{
		"": {".\r\n", ""}, "a": {"\r\n.\r\n", "\r\n"}, "a\r\n": {".\r\n", ""}, "a\r": {".\r\n", ""}, "a\n": {".\r\n", ""}, ".": {"\r\n.\r\n", "\r\n"},
	} {
		for i, e := range []*Encoder{{Dots: true}, {}} {
			if _, err := e.Encode([]byte(content)); err != nil {
				t.Error(err)
			}
			if end, err := e.End(); err != nil || string(end) != want[i] {
				t.Errorf("%q, dots %v: %q, %v", content, e.Dots, end, err)
			}
		}
	}
}

func TestEncoder_ResetForgetsTheMessageAndItsBlocks(t *testing.T) {
	e := Encoder{Dots: true, Strict: true}
	block := []byte(strings.Repeat("é\r\n", 1000) + "a\r")
	if _, err := e.Encode(block); err != nil {
		t.Fatal(err)
	}
	e.Reset()
	if e.Facts() != Scan(nil) || !e.Dots || !e.Strict {
		t.Errorf("%+v is left", e)
	}
	for _, piece := range e.pieces[:cap(e.pieces)] {
		if piece != nil {
			t.Error("a block is kept")
		}
	}
}

func TestEncoder_WhatAppendReturnedIsTheCallers(t *testing.T) {
	var e Encoder
	pieces, _ := e.Encode([]byte("one\n"))
	first, _ := e.Append(make([]byte, 0, 100), []byte("two"))
	end, _ := e.End()
	if string(pieces[0]) != "one\r\n" || string(end) != "\r\n" {
		t.Errorf("Append changed what Encode returned: %q, %q", pieces[0], end)
	}
	if rest := first[len(first):cap(first)]; string(first) != "two" || len(bytes.Trim(rest, "\x00")) > 0 {
		t.Errorf("%q, and behind it %q", first, rest)
	}
}

func TestEncoder_AllocatesNothingOnceItHasItsBuffers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, content := range map[string]string{"clean": strings.Repeat("a\r\n", 5000), "dirty": mail(r, 50_000)} {
		e := Encoder{Dots: true}
		buffer := make([]byte, 0, 3*len(content))
		block := []byte(content)
		n := testing.AllocsPerRun(10, func() {
			e.Reset()
			_, err1 := e.Encode(block)
			_, err2 := e.Append(buffer, block)
			_, err3 := e.End()
			if err := errors.Join(err1, err2, err3); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s content: %v allocations", name, n)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add([]byte("a\r\r\nb\n.\r"), uint64(1))
	f.Fuzz(func(t *testing.T, content []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		checkEncoder(t, &Encoder{}, string(content), cut(r, string(content)))
		var once, twice Encoder
		b, _ := once.Append(nil, content)
		end, _ := once.End()
		b = append(b, end...)
		again, _ := twice.Append(nil, b)
		if end, _ := twice.End(); len(end) > 0 || !bytes.Equal(b, again) {
			t.Errorf("%q becomes %q, and that becomes %q with %q", content, b, again, end)
		}
	})
}

func FuzzStuff(f *testing.F) {
	f.Add([]byte("a\r\n.\nb\n.\r"), uint64(1))
	f.Fuzz(func(t *testing.T, content []byte, seed uint64) {
		blocks := cut(rand.New(rand.NewPCG(seed, 0)), string(content))
		e := Encoder{Dots: true}
		checkEncoder(t, &e, string(content), blocks)
		e.Reset()
		stuffed, _ := e.Append(nil, content)
		end, _ := e.End()
		stuffed = append(stuffed, end...)
		// As a server reads it, RFC 5321 4.5.2.
		var read strings.Builder
		rest := string(stuffed)
		for {
			line, after, ok := strings.Cut(rest, "\r\n")
			if !ok || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("%q becomes %q", content, stuffed)
			}
			rest = after
			if line == "." {
				break
			}
			read.WriteString(strings.TrimPrefix(line, ".") + "\r\n")
		}
		if rest != "" || read.String() != onTheWire(string(content), false) {
			t.Errorf("%q is read as %q, and then %q", content, read.String(), rest)
		}
	})
}

func BenchmarkEncoder(b *testing.B) {
	const size = 64 << 10
	for name, content := range benchmarkContents() {
		encode := func(b *testing.B, e Encoder, appending bool) {
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			buffer := make([]byte, 0, 2*size)
			octets := 0
			for b.Loop() {
				octets = 0
				e.Reset()
				for p := 0; p < len(content); p += size {
					block := content[p:min(p+size, len(content))]
					if appending {
						out, _ := e.Append(buffer, block)
						octets += len(out)
						continue
					}
					pieces, _ := e.Encode(block)
					for _, piece := range pieces {
						octets += len(piece)
					}
				}
				end, _ := e.End()
				octets += len(end)
			}
			b.ReportMetric(float64(octets), "octets")
		}
		b.Run(name+"/Stuff", func(b *testing.B) { encode(b, Encoder{Dots: true}, false) })
		b.Run(name+"/Normalise", func(b *testing.B) { encode(b, Encoder{}, false) })
		b.Run(name+"/StuffAppend", func(b *testing.B) { encode(b, Encoder{Dots: true}, true) })
	}
}
