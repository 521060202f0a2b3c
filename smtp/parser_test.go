package smtp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// outcome is what one Parser made of one input.
type outcome struct {
	n     int // octets that belong to the reply
	done  bool
	reply Reply
	lines int
	class string // of the error: its text without what it quotes
	err   error
}

// parse feeds s to p in pieces of the sizes that cut returns. Once the parser
// has decided it gets nothing more.
func parse(t testing.TB, p *Parser, s string, cut func(left int) int) outcome {
	t.Helper()
	p.Reset()
	var o outcome
	for o.n < len(s) && !o.done && o.err == nil {
		size := min(max(cut(len(s)-o.n), 1), len(s)-o.n)
		n, done, err := p.Feed([]byte(s[o.n : o.n+size]))
		if n < 0 || n > size {
			t.Fatalf("Feed of %d octets took %d", size, n)
		}
		if !done && err == nil && n != size {
			t.Fatalf("Feed of %d octets took %d and wants more", size, n)
		}
		o.n, o.done, o.err = o.n+n, done, err
	}
	o.lines = p.Lines()
	if o.err != nil {
		o.n = 0 // how far an error was found depends on the pieces
		o.class, _, _ = strings.Cut(o.err.Error(), `"`)
	}
	if o.done {
		o.reply = p.Reply(true)
	}
	if got, want := p.Started(), o.n > 0 && !o.done; o.err == nil && got != want {
		t.Fatalf("Started() = %v after %d octets, done %v", got, o.n, o.done)
	}
	return o
}

func whole(left int) int { return left }
func single(int) int     { return 1 }

// everyWay parses s whole, octet by octet and in random pieces, and fails
// where the results differ (H13).
func everyWay(t testing.TB, s string) outcome {
	t.Helper()
	var p Parser
	first := parse(t, &p, s, whole)
	rng := rand.New(rand.NewPCG(uint64(len(s)), 1))
	for _, way := range []struct {
		name string
		cut  func(int) int
	}{
		{"octet by octet", single},
		{"in pieces", func(int) int { return 1 + rng.IntN(9) }},
		{"in large", func(left int) int { return 1 + rng.IntN(left) }},
	} {
		got := parse(t, &p, s, way.cut)
		if got.n != first.n || got.done != first.done || got.reply != first.reply || got.lines != first.lines || got.class != first.class {
			t.Fatalf("%.120q %s:\n  %+v\nwhole:\n  %+v", s, way.name, got, first)
		}
	}
	return first
}

func TestParser_H13_TakesReplies(t *testing.T) {
	tests := []struct {
		rule, in string
		want     Reply
		lines    int
		rest     string
	}{
		{"one line", "250 ok\r\n", Reply{Code: 250, Text: "ok"}, 1, ""},
		{"several lines", "250-mx.example\r\n250-SIZE 10\r\n250 DSN\r\n", Reply{Code: 250, Text: "mx.example\nSIZE 10\nDSN"}, 3, ""},
		{"code alone", "250\r\n", Reply{Code: 250}, 1, ""},
		{"code alone and LF", "354\n", Reply{Code: 354}, 1, ""},
		{"code alone ends several lines", "250-a\r\n250\r\n", Reply{Code: 250, Text: "a\n"}, 2, ""},
		{"code and blank", "250 \r\n", Reply{Code: 250}, 1, ""},
		{"empty lines of text", "250-\r\n250-\r\n250 \r\n", Reply{Code: 250, Text: "\n\n"}, 3, ""},
		{"LF ends a line", "250-a\n250 b\n", Reply{Code: 250, Text: "a\nb"}, 2, ""},
		{"CR inside is text", "250 a\rb\r\n", Reply{Code: 250, Text: "a\rb"}, 1, ""},
		{"one CR is dropped", "250 a\r\r\n", Reply{Code: 250, Text: "a\r"}, 1, ""},
		{"hyphen in the text", "250 -a\r\n", Reply{Code: 250, Text: "-a"}, 1, ""},
		{"a line that looks like another reply", "250-550 no\r\n250 ok\r\n", Reply{Code: 250, Text: "550 no\nok"}, 2, ""},
		{"NUL and controls are kept", "250 \x00\x1b[2J\xff\r\n", Reply{Code: 250, Text: "\x00\x1b[2J\xff"}, 1, ""},
		{"the first code there is", "200 a\r\n", Reply{Code: 200, Text: "a"}, 1, ""},
		{"the last code there is", "599 a\r\n", Reply{Code: 599, Text: "a"}, 1, ""},
		{"enhanced code", "550 5.7.1 no\r\n", Reply{Code: 550, Enhanced: EnhancedCode{5, 7, 1}, Text: "5.7.1 no"}, 1, ""},
		{"two replies in one piece", "250 a\r\n354 b\r\n", Reply{Code: 250, Text: "a"}, 1, "354 b\r\n"},
		{"half of the next", "250-a\n250 b\n5", Reply{Code: 250, Text: "a\nb"}, 2, "5"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			got := everyWay(t, tt.in)
			if got.err != nil || !got.done || got.reply != tt.want || got.lines != tt.lines || tt.in[got.n:] != tt.rest {
				t.Errorf("%q:\n got %+v\nwant %+v in %d lines, rest %q", tt.in, got, tt.want, tt.lines, tt.rest)
			}
		})
	}
}

func TestParser_H11_CutReplyIsNeverDone(t *testing.T) {
	const s = "250-mx.example\r\n250-SIZE 10\r\n250 DSN\r\n"
	for i := range len(s) {
		if got := everyWay(t, s[:i]); got.done || got.err != nil || got.n != i {
			t.Errorf("%q: %+v", s[:i], got)
		}
	}
}

// What no server may say is found at the first octet that shows it, without
// waiting for a line end that may never come.
func TestParser_FindsGarbageAtItsFirstOctet(t *testing.T) {
	const noCode = "has no three-digit reply code"
	tests := []struct {
		in   string // its last octet is the one that shows it
		want string
	}{
		{"H", noCode}, // HTTP
		{"\x00", noCode},
		{" ", noCode},
		{"+", noCode}, // POP3
		{"*", noCode}, // IMAP
		{"1", noCode}, // 1yz is not SMTP
		{"6", noCode},
		{"0", noCode},
		{"\n", noCode},
		{"\r", noCode},
		{"2x", noCode},
		{"2\n", noCode},
		{"25\n", noCode},
		{"25\r", noCode},
		{"25-", noCode},
		{"2500", noCode},
		{"250\t", noCode},
		{"250_", noCode},
		{"250\rx", noCode},
		{"250\r\r", noCode},
		{"250-a\r\nx", noCode},
		{"250-a\r\n\n", noCode},
		{"250-a\r\n25x", noCode},
		{"\x16", "server speaks TLS here"},
		{"\x15", "server speaks TLS here"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%q", tt.in), func(t *testing.T) {
			if got := everyWay(t, tt.in[:len(tt.in)-1]); got.err != nil || got.done {
				t.Errorf("too early: %v", got.err)
			}
			got := everyWay(t, tt.in)
			if got.done || !errors.Is(got.err, ErrProtocol) || !strings.Contains(got.err.Error(), tt.want) {
				t.Errorf("done %v, error %v; want %q", got.done, got.err, tt.want)
			}
			everyWay(t, tt.in+"and more of it\r\n")
		})
	}
}

func TestParser_C16_TLSRecordIsNamed(t *testing.T) {
	for _, s := range []string{"\x15\x03\x01\x00\x02\x02\x46", "\x16\x03\x03\x00\x7a\x02\x00\x00\x76"} {
		got := everyWay(t, s)
		if got.err == nil || !strings.Contains(got.err.Error(), "SecureImplicit") || !strings.Contains(got.err.Error(), `\x03`) {
			var p Parser
			t.Errorf("%q: %v, whole: %v", s, got.err, parse(t, &p, s, whole).err)
		}
	}
	if got := everyWay(t, "HTTP/1.1 400 Bad Request\r\n"); strings.Contains(got.err.Error(), "TLS") {
		t.Errorf("HTTP is taken for TLS: %v", got.err)
	}
}

func TestParser_MixedCodesAreAnErrorThatKeepsARefusal(t *testing.T) {
	tests := []struct {
		in   string
		want Reply // of the error
	}{
		{"220-teaser\r\n521 go away\r\n", Reply{Code: 521, Text: "teaser\ngo away"}},
		{"220-teaser\r\n421 busy\r\n", Reply{Code: 421, Text: "teaser\nbusy"}},
		{"250-a\r\n550-b\r\n550 c\r\n", Reply{Code: 550, Text: "a\nb\nc"}},
		{"250-a\r\n550-b\r\n250 c\r\n", Reply{}},
		{"220-a\r\n250 b\r\n", Reply{}},
		{"550-a\r\n250 b\r\n", Reply{}},
		{"220-a\r\n354 b\r\n", Reply{}},
	}
	for _, tt := range tests {
		got := everyWay(t, tt.in)
		var e *Error
		if !got.done || !errors.As(got.err, &e) || e.Kind != KindProtocol {
			t.Errorf("%q: done %v, error %v", tt.in, got.done, got.err)
			continue
		}
		if e.Reply != tt.want || e.Permanent != (tt.want.Code >= 500) {
			t.Errorf("%q: reply %+v, permanent %v; want %+v", tt.in, e.Reply, e.Permanent, tt.want)
		}
		if !strings.Contains(e.Error(), "different codes") {
			t.Errorf("%q: %v", tt.in, e)
		}
	}
}

func TestParser_H7_CapsAreThePromisedOnes(t *testing.T) {
	if MaxReplyLine != 2000 || MaxChallengeLine != 12_288 || MaxReply != 65_536 {
		t.Errorf("%d, %d, %d", MaxReplyLine, MaxChallengeLine, MaxReply)
	}
}

func TestParser_H7_LineLimitAtItsBorder(t *testing.T) {
	tests := []struct {
		rule  string
		start string
		limit int
	}{
		{"any line", "250 ", MaxReplyLine},
		{"a continuation", "250-", MaxReplyLine},
		{"a later line", "250-a\r\n250 ", MaxReplyLine},
		{"a challenge", "334 ", MaxChallengeLine},
		{"a later line of a challenge", "334-a\r\n334 ", MaxChallengeLine},
		{"a digit less", "335 ", MaxReplyLine},
	}
	for _, tt := range tests {
		for _, end := range []string{"\r\n", "\n"} {
			t.Run(fmt.Sprintf("%s, %q", tt.rule, end), func(t *testing.T) {
				last := tt.start[strings.LastIndexByte(tt.start, '\n')+1:]
				fill := strings.Repeat("x", tt.limit-len(last))
				fits := everyWay(t, tt.start+fill+end)
				if fits.err != nil || fits.done != (last[3] == ' ') {
					t.Errorf("%d octets: done %v, %v", tt.limit, fits.done, fits.err)
				}
				if fits.done && !strings.HasSuffix(fits.reply.Text, fill) {
					t.Errorf("%d octets: the text has %d", tt.limit, len(fits.reply.Text))
				}
				over := everyWay(t, tt.start+fill+"x"+end)
				if !errors.Is(over.err, ErrProtocol) || over.done || !strings.Contains(over.class, fmt.Sprintf("line of over %d octets", tt.limit)) {
					t.Errorf("%d octets: done %v, %v", tt.limit+1, over.done, over.err)
				}
				if cut := everyWay(t, tt.start+fill+"x"); cut.err == nil {
					t.Errorf("%d octets are an error only at the line end", tt.limit+1)
				}
				if cr := everyWay(t, tt.start+fill+"\r"); cr.err != nil {
					t.Errorf("the CR of the line end counts: %v", cr.err)
				}
			})
		}
	}
}

// longReply returns a reply of exactly size octets, line ends included.
func longReply(size int, end string) string {
	var b strings.Builder
	for size-b.Len() > 4000 {
		b.WriteString("250-" + strings.Repeat("x", 1000) + end)
	}
	for size-b.Len() > 1500 {
		b.WriteString("250-y" + end)
	}
	b.WriteString("250 ")
	b.WriteString(strings.Repeat("z", size-b.Len()-len(end)) + end)
	return b.String()
}

func TestParser_H7_ReplyLimitAtItsBorder(t *testing.T) {
	for _, end := range []string{"\r\n", "\n"} {
		s := longReply(MaxReply, end)
		if len(s) != MaxReply {
			t.Fatalf("the scenery has %d octets", len(s))
		}
		if got := everyWay(t, s); got.err != nil || !got.done || got.n != MaxReply {
			t.Errorf("%d octets: %v", len(s), got.err)
		}
		got := everyWay(t, longReply(MaxReply+1, end))
		if !errors.Is(got.err, ErrProtocol) || got.done || !strings.Contains(got.class, "reply of over 65536 octets") {
			t.Errorf("%d octets: done %v, %v", MaxReply+1, got.done, got.err)
		}
	}
	// Which limit is named does not hang on the pieces.
	s := longReply(MaxReply, "\n")
	s = s[:strings.LastIndexByte(s[:len(s)-1], '\n')+1] + "250 " + strings.Repeat("x", 70_000)
	if got := everyWay(t, s); !strings.Contains(got.class, "reply of over") {
		t.Errorf("a line that breaks both limits: %v", got.err)
	}
}

func TestParser_H7_EndlessReplyIsBounded(t *testing.T) {
	for name, piece := range map[string]string{
		"one line":            "220 " + strings.Repeat("x", 4096),
		"one challenge":       "334 " + strings.Repeat("x", 4096),
		"lines":               "220-\r\n",
		"empty lines with LF": "250-\n",
		"18 MB of EHLO":       strings.Repeat("250-X-KEYWORD with parameters\r\n", 1<<10),
	} {
		t.Run(name, func(t *testing.T) {
			var p Parser
			var err error
			fed := 0
			for first := piece; err == nil && fed < 18<<20; fed += len(piece) {
				_, _, err = p.Feed([]byte(first))
				if strings.HasPrefix(name, "one") {
					first = strings.Repeat("x", 4096)
				}
			}
			if !errors.Is(err, ErrProtocol) {
				t.Errorf("after %d octets: %v", fed, err)
			}
			if cap(p.text) > 2*MaxReply {
				t.Errorf("the buffer has grown to %d octets", cap(p.text))
			}
		})
	}
}

// After an error only Reset may follow, but a caller that forgets it must not
// make the parser grow or panic.
func TestParser_H7_FedOnAfterAnErrorStaysBounded(t *testing.T) {
	for _, s := range []string{"garbage", longReply(MaxReply+1, "\r\n"), strings.Repeat("334 x", 5000)} {
		var p Parser
		for range 200 {
			_, _, _ = p.Feed([]byte(s))
			_, _, _ = p.Feed([]byte("\n"))
		}
		if cap(p.text) > 4*MaxReply {
			t.Errorf("%.20q: the buffer has grown to %d octets", s, cap(p.text))
		}
	}
}

func TestParser_ResetForgetsEverything(t *testing.T) {
	for _, before := range []string{"250-a\r\n", "220-a\r\n521 b\r\n", "x", "250 done\r\n", "25"} {
		var p Parser
		_, _, _ = p.Feed([]byte(before))
		p.Reset()
		if p.Started() || p.Lines() != 0 {
			t.Errorf("after %q: Started %v, %d lines", before, p.Started(), p.Lines())
		}
		n, done, err := p.Feed([]byte("354 go\r\n"))
		if n != 8 || !done || err != nil || p.Reply(false).Code != 354 || p.Reply(false).Text != "go" {
			t.Errorf("after %q: %d, %v, %v, %v", before, n, done, err, p.Reply(false))
		}
	}
}

func TestParser_ReplyIsIndependentOfTheBuffer(t *testing.T) {
	var p Parser
	_, _, _ = p.Feed([]byte("250 first\r\n"))
	kept := p.Reply(false)
	p.Reset()
	_, _, _ = p.Feed([]byte("250 other\r\n"))
	if kept.Text != "first" {
		t.Errorf("a kept reply became %q", kept.Text)
	}
}

func TestParser_EnhancedCodeOnlyWhereAskedFor(t *testing.T) {
	var p Parser
	_, _, _ = p.Feed([]byte("250 2.1.0 mx.example\r\n"))
	if e := p.Reply(false).Enhanced; !e.IsZero() {
		t.Errorf("greeting or EHLO: %v", e)
	}
	if e := p.Reply(true).Enhanced; e != (EnhancedCode{2, 1, 0}) {
		t.Errorf("elsewhere: %v", e)
	}
}

func TestParser_ErrorsAreEscaped(t *testing.T) {
	for _, s := range []string{"\x1b[2J hello\r\n", "\x16\x03\x01", "250\x1b", "2\x00", "250 \x1b[2J" + strings.Repeat("x", 3000)} {
		got := everyWay(t, s)
		if got.err == nil || strings.ContainsAny(got.err.Error(), "\x1b\x00\x16\x03\r\n") {
			t.Errorf("%.20q: %q", s, got.err)
		}
		if len(got.err.Error()) > 1000 {
			t.Errorf("%.20q: the error has %d octets", s, len(got.err.Error()))
		}
		if strings.Contains(got.err.Error(), `\\x`) {
			t.Errorf("%.20q: escaped twice: %v", s, got.err)
		}
	}
}

func TestParser_AllocatesOnlyTheTextThatIsKept(t *testing.T) {
	in := []byte("250-mx.example\r\n250-SIZE 10\r\n250 2.0.0 DSN 000\r\n")
	fresh := func() { // no reply is like the one before
		i := len(in) - 3
		for ; in[i] == '9'; i-- {
			in[i] = '0'
		}
		in[i]++
	}
	var p Parser
	var kept Reply
	feed := func() {
		p.Reset()
		for b := in; len(b) > 0; {
			n, done, err := p.Feed(b[:min(len(b), 10)])
			if err != nil || done != (n == len(b)) {
				t.Fatal(n, done, err)
			}
			b = b[n:]
		}
	}
	feed()
	if n := testing.AllocsPerRun(100, feed); n != 0 {
		t.Errorf("%v allocations for a reply that nobody keeps, want 0", n)
	}
	if n := testing.AllocsPerRun(100, func() { fresh(); feed(); kept = p.Reply(true) }); n != 1 {
		t.Errorf("%v allocations for a reply that is kept, want 1", n)
	}
	if n := testing.AllocsPerRun(100, func() { feed(); kept = p.Reply(true) }); n != 0 {
		t.Errorf("%v allocations for a reply as before, want 0", n)
	}
	in = bytes.Replace(in, []byte("SIZE"), bytes.Repeat([]byte("S"), maxKnown), 1)
	if n := testing.AllocsPerRun(100, func() { feed(); kept = p.Reply(true) }); n != 1 {
		t.Errorf("%v allocations for a long one, want 1", n)
	}
	if kept.Code != 250 {
		t.Error(kept)
	}
}

func FuzzParser(f *testing.F) {
	for _, s := range []string{
		"", "250", "250 ok\r\n", "250-a\r\n250-b\r\n250 c\r\n", "250\n", "250-\n250\n", "220-teaser\r\n521 no\r\n", "250 a\rb\r\r\n",
		"\x16\x03\x01\x02\x00", "HTTP/1.1 400\r\n", "334 " + strings.Repeat("a", 3000) + "\r\n", "250-" + strings.Repeat("a", 2000) + "\n250 x\n",
		"550 5.7.1 no\r\n250 two\r\n", "2\r\n", "250\r\r\n", "999 x\n", longReply(MaxReply, "\n"), longReply(MaxReply+1, "\r\n"),
	} {
		f.Add(s, uint64(1))
	}
	f.Fuzz(func(t *testing.T, s string, seed uint64) {
		first := everyWay(t, s)
		rng := rand.New(rand.NewPCG(seed, seed))
		var p Parser
		if got := parse(t, &p, s, func(left int) int { return 1 + rng.IntN(left) }); got.class != first.class || got.reply != first.reply {
			t.Fatalf("split by seed %d: %+v, whole %+v", seed, got, first)
		}
		if first.err != nil {
			if Code(first.err) == 0 || !errors.Is(first.err, ErrProtocol) {
				t.Fatalf("error %v, code %d", first.err, Code(first.err))
			}
			return
		}
		if !first.done {
			return
		}
		r := first.reply
		if r.Code < 200 || r.Code > 599 || !r.Positive() && !r.Intermediate() && !r.Negative() {
			t.Fatalf("code %d", r.Code)
		}
		if len(r.Text) > MaxReply || len(r.Text) > len(s) {
			t.Fatalf("text of %d octets from %d", len(r.Text), len(s))
		}
		if n := len(slices.Collect(r.Lines())); n != first.lines || strings.Count(s[:first.n], "\n") != n {
			t.Fatalf("%d lines, text of %d", first.lines, n)
		}
		if !r.Enhanced.IsZero() && int(r.Enhanced.Class) != r.Code/100 {
			t.Fatalf("enhanced code %v on %d", r.Enhanced, r.Code)
		}
		checkPrintable(t, r.String())
	})
}
