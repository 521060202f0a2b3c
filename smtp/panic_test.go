package smtp

import (
	"errors"
	"strings"
	"testing"
)

// unprintable panics with itself when it is printed, which fmt does not contain.
type unprintable struct{}

func (u unprintable) Error() string { panic(u) }

func TestPanicError_PrintsWhateverTheValueIs(t *testing.T) {
	for _, c := range []struct {
		value       any
		field, text string
	}{
		{"boom", "boom", "boom"},
		{errors.New("a\x1b[31m\nb"), "a\x1b[31m\nb", `a\x1b[31m\nb`},
		{unprintable{}, "smtp.unprintable", "smtp.unprintable"},
		{(*Error)(nil), "<nil>", "<nil>"},
	} {
		e := NewPanicError("hook x", c.value)
		if e.Value != c.field || e.Error() != "hook x panicked: "+c.text || !strings.Contains(string(e.Stack), "panic_test.go") {
			t.Errorf("%T: %q, %q", c.value, e.Value, e.Error())
		}
		if err := (&Error{Kind: KindPanic, Err: e}).Error(); !strings.HasSuffix(err, c.text) {
			t.Errorf("%T: escaped twice: %q", c.value, err)
		}
	}
}
