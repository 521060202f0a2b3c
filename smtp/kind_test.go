package smtp

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestKind_TheTableIsExhaustive(t *testing.T) {
	types, codes, sentinels := map[string]Kind{}, map[int]Kind{}, map[error]Kind{}
	for k := range kinds {
		row := k.Row()
		if row.Kind != k {
			t.Errorf("kind %d has the row of %d: add it to Row", k, row.Kind)
			continue
		}
		if other, twice := types[row.Type]; twice || row.Type == "" {
			t.Errorf("kind %d: type %q is also that of %d", k, row.Type, other)
		}
		if other, twice := codes[row.Code]; twice || row.Code == 0 {
			t.Errorf("kind %d: code %d is also that of %d", k, row.Code, other)
		}
		types[row.Type], codes[row.Code] = k, k
		if got := k.String(); got != row.Type {
			t.Errorf("kind %d: String() = %q, want %q", k, got, row.Type)
		}
		if k == KindOther {
			if row.Type != "_OTHER" || row.Code != 1 || row.Err != nil {
				t.Errorf("KindOther: %+v", row)
			}
			continue
		}
		// A number that a reply could have would be taken for one.
		if row.Code < 10000 {
			t.Errorf("%v: code %d is a reply's or a foreign error's", k, row.Code)
		}
		if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(row.Type) {
			t.Errorf("type %q", row.Type)
		}
		if row.Err == nil {
			t.Errorf("%v has no sentinel", k)
			continue
		}
		if other, twice := sentinels[row.Err]; twice {
			t.Errorf("%v: its sentinel is also that of %v", k, other)
		}
		sentinels[row.Err] = k
		checkPrintable(t, row.Err.Error())
		e := &Error{Kind: k}
		if !errors.Is(e, row.Err) || Code(e) != row.Code || e.ErrorType() != row.Type || !strings.Contains(e.Error(), row.Err.Error()) {
			t.Errorf("%v: Is %v, Code %d, ErrorType %q, %q", k, errors.Is(e, row.Err), Code(e), e.ErrorType(), e)
		}
	}
	for k := range kinds {
		for sentinel, of := range sentinels {
			if got := errors.Is(&Error{Kind: k}, sentinel); got != (k == of) {
				t.Errorf("%v is %q: %v", k, sentinel, got)
			}
		}
	}
}

func TestKind_AnUnknownOneIsOther(t *testing.T) {
	for _, k := range []Kind{kinds, 255} {
		if row := k.Row(); row != KindOther.Row() {
			t.Errorf("%d: %+v", k, row)
		}
	}
}
