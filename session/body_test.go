package session

import (
	"bytes"
	"testing"
)

// The header of a chunk stands in front of its block, so that both are one piece,
// where the block has the room; else it is a piece of its own. The pieces that are
// still to be counted stay as they are.
func TestBody_TheHeaderStandsInFrontOfItsBlock(t *testing.T) {
	header, block := []byte("BDAT 5\r\n"), []byte("a\r\nb\n")
	buffer := append(make([]byte, lead), block...)
	for name, c := range map[string]struct {
		header, buffer []byte
		pieces         [][]byte
		want           int
	}{
		"behind its lead":      {header, buffer, [][]byte{buffer[lead:]}, 1},
		"a part of the block":  {header, buffer, [][]byte{buffer[lead : lead+3]}, 1},
		"and more":             {header, buffer, [][]byte{buffer[lead : lead+3], buffer[lead+3:]}, 2},
		"no header":            {nil, buffer, [][]byte{buffer[lead:]}, 1},
		"not the block's head": {header, buffer, [][]byte{buffer[lead+1:]}, 2},
		"elsewhere":            {header, buffer, [][]byte{block}, 2},
		"without a buffer":     {header, nil, [][]byte{block}, 2},
		"nothing":              {header, buffer, nil, 1},
		"an empty block":       {header, buffer, [][]byte{buffer[lead:lead]}, 2},
	} {
		want := append(bytes.Clone(c.header), bytes.Join(c.pieces, nil)...)
		b := body{pieces: c.pieces}
		got := b.behind(c.header, c.buffer, nil)
		if len(got) != c.want || !bytes.Equal(bytes.Join(got, nil), want) {
			t.Errorf("%s: %q, want %q in %d pieces", name, got, want, c.want)
		}
		if !bytes.Equal(bytes.Join(b.pieces, nil), want[len(c.header):]) {
			t.Errorf("%s: the pieces are %q", name, b.pieces)
		}
	}
}
