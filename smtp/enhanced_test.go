package smtp

import "testing"

func TestEnhancedCode_RFC2034_CountsOnlyWithTheRepliesClass(t *testing.T) {
	tests := []struct {
		code int
		text string
		want EnhancedCode
	}{
		{250, "2.0.0 ok", EnhancedCode{2, 0, 0}},
		{250, "2.0.0", EnhancedCode{2, 0, 0}},
		{250, "2.0.0\nmore", EnhancedCode{2, 0, 0}},
		{450, "4.7.1 later", EnhancedCode{4, 7, 1}},
		{550, "5.999.999 x", EnhancedCode{5, 999, 999}},
		{550, "4.7.1 of another class", EnhancedCode{}},
		{450, "5.7.1 of another class", EnhancedCode{}},
		{250, "5.7.1 of another class", EnhancedCode{}},
		{354, "3.0.0 there is no class 3", EnhancedCode{}},
		{550, "", EnhancedCode{}},
		{550, "5", EnhancedCode{}},
		{550, "5.7.", EnhancedCode{}},
		{550, "5..1 x", EnhancedCode{}},
		{550, "5.7 x y", EnhancedCode{}},
		{550, "5.7.1234 x", EnhancedCode{}},
		{550, "5.1234.1 x", EnhancedCode{}},
		{550, "5.7.1x", EnhancedCode{}},
		{550, "5.7.1. x", EnhancedCode{}},
		{550, "5.7.1\tx", EnhancedCode{}},
		{550, " 5.7.1 x", EnhancedCode{}},
		{550, "55.7.1 x", EnhancedCode{}},
		{550, "5,7,1 x", EnhancedCode{}},
		{550, "5.-7.1 x", EnhancedCode{}},
		{550, "x\n5.7.1 only the first line", EnhancedCode{}},
	}
	for _, tt := range tests {
		if got := parseEnhanced(tt.code, tt.text); got != tt.want {
			t.Errorf("%d %q: %v, want %v", tt.code, tt.text, got, tt.want)
		}
	}
}

func TestEnhancedCode_String(t *testing.T) {
	for want, e := range map[string]EnhancedCode{"": {}, "5.7.1": {5, 7, 1}, "4.0.0": {4, 0, 0}, "2.999.999": {2, 999, 999}} {
		if got := e.String(); got != want {
			t.Errorf("%#v: %q, want %q", e, got, want)
		}
		if e.IsZero() != (want == "") {
			t.Errorf("%v: IsZero() = %v", e, e.IsZero())
		}
	}
}
