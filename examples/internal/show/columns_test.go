package show

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"one two", 7, []string{"one two"}},
		{"one two", 6, []string{"one", "two"}},
		{"a longword b", 4, []string{"a", "long", "word", "b"}},
		{"語語語", 4, []string{"語語", "語"}},
		{"語", 1, []string{"語"}},
		{" → █ ", 3, []string{"→ █"}},
	} {
		if got := Wrap(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1:                       "0.00 ms",
		0:                        "0.00 ms",
		1234 * time.Microsecond:  "1.23 ms",
		12340 * time.Microsecond: "12.3 ms",
		512 * time.Millisecond:   "512 ms",
		1234 * time.Millisecond:  "1.23 s",
		59990 * time.Millisecond: "59.99 s",
		90 * time.Second:         "1m30s",
		100 * time.Hour:          "100h0m0s",
	} {
		if got := short(d); got != want || len(got) > timeColumn {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestSay(t *testing.T) {
	foreign := errors.New("a\x1b[31mb\nc")
	if got := Say(foreign); strings.ContainsAny(got, "\x1b\n") {
		t.Errorf("%q", got)
	}
	own := &smtp.Error{Kind: smtp.KindReply, Phase: "ehlo", Reply: smtp.Reply{Code: 550, Text: "\x1b"}}
	if got, want := Say(own), own.Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if Say(nil) != "" {
		t.Error("nil says something")
	}
}
