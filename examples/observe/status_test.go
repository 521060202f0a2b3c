package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

// On a terminal one line, no wider than that, changes each second and is gone at
// the end; elsewhere
// there is a line every ten.
func TestStatus(t *testing.T) {
	for _, c := range []struct {
		width int // 0: no terminal
		want  string
	}{
		{0, "so far\nso far\n"},
		{80, "\rso far\x1b[K\rso far\x1b[K\r\x1b[K"},
		{7, "\rso far\x1b[K\rso far\x1b[K\r\x1b[K"},
		{6, "\rso f…\x1b[K\rso f…\x1b[K\r\x1b[K"}, // the last column stays free
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			var width func() int
			if c.width > 0 {
				width = func() int { return c.width }
			}
			s := tell(&out, width, func() string { return "so far" })
			every := 10 * time.Second
			if width != nil {
				every = time.Second
			}
			<-time.After(2*every + every/2)
			s.end()
			if out.String() != c.want {
				t.Errorf("%q", out.String())
			}
		})
	}
}
