package sink

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadData_EndsAtTheLoneDot(t *testing.T) {
	for _, c := range []struct{ sent, content string }{
		{".\r\n", ""},
		{"a\r\n.\r\n", "a\r\n"},
		{"a: b\r\n\r\nc\r\n.\r\n", "a: b\r\n\r\nc\r\n"},
		{"..\r\n.\r\n", ".\r\n"},
		{"..a\r\n...\r\n\r\n.\r\n", ".a\r\n..\r\n\r\n"},
		{"a.\r\nb .\r\n.\r\n", "a.\r\nb .\r\n"},
		{strings.Repeat("0123456789abcdef\r\n", 50_000) + ".\r\n", strings.Repeat("0123456789abcdef\r\n", 50_000)},
	} {
		for name, cut := range map[string]func(io.Reader) io.Reader{
			"whole":      func(r io.Reader) io.Reader { return r },
			"halves":     iotest.HalfReader,
			"one by one": iotest.OneByteReader,
		} {
			for _, keep := range []bool{true, false} {
				n, content, err := readData(bufio.NewReaderSize(cut(strings.NewReader(c.sent)), blockSize), keep)
				if err != nil || n != int64(len(c.sent)-len(".\r\n")) {
					t.Errorf("%.30q, %s, keep %v: %d octets, %v", c.sent, name, keep, n, err)
				}
				if keep && string(content) != c.content {
					t.Errorf("%.30q, %s: %.30q", c.sent, name, content)
				}
			}
		}
	}
}

func TestReadData_WithoutItsEndIsAnError(t *testing.T) {
	for _, keep := range []bool{true, false} {
		if _, _, err := readData(bufio.NewReader(strings.NewReader("a\r\n..\r\n")), keep); err == nil {
			t.Error("no error, keep", keep)
		}
	}
}
