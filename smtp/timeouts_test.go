package smtp

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTimeouts_TheTableHasEveryFieldInOrder(t *testing.T) {
	var all Timeouts
	v := reflect.ValueOf(&all).Elem()
	rows, fields := TimeoutTable(), all.fields()
	if len(rows) != v.NumField() || len(fields) != v.NumField() {
		t.Fatalf("%d fields, %d rows, %d in fields()", v.NumField(), len(rows), len(fields))
	}
	for i, row := range rows {
		if name := v.Type().Field(i).Name; row.Name != name {
			t.Errorf("row %d is %s, the field %s", i, row.Name, name)
		}
		if fields[i] != v.Field(i).Addr().Interface().(*time.Duration) {
			t.Errorf("fields()[%d] is not %s", i, row.Name)
		}
		if row.Usual <= 0 || row.Covers == "" || row.Source != "ehlo" && !strings.HasPrefix(row.Source, "RFC 5321 4.5.3.2") {
			t.Errorf("%+v", row)
		}
	}
}

func TestTimeouts_C9_UsualValues(t *testing.T) {
	want := Timeouts{
		Resolve: 30 * time.Second, Dial: 30 * time.Second, TLS: time.Minute,
		Greeting: 5 * time.Minute, Hello: 5 * time.Minute, StartTLS: 2 * time.Minute, Auth: 5 * time.Minute, Mail: 5 * time.Minute, Rcpt: 5 * time.Minute,
		Data: 2 * time.Minute, Block: 3 * time.Minute, Chunk: 2 * time.Minute, End: 10 * time.Minute,
		Command: 5 * time.Minute, Quit: 5 * time.Second, Line: time.Minute,
	}
	for _, general := range []time.Duration{0, time.Second, time.Hour} { // not given: it does not count
		if got := (Timeouts{}).Effective(general, false); got != want {
			t.Errorf("nothing given but %v:\n got %+v\nwant %+v", general, got, want)
		}
	}
}

// Timeouts.X, then the general timeout, then the table; three rows do not
// follow the general one wholly.
func TestTimeouts_C9_Precedence(t *testing.T) {
	const own = 77 * time.Second
	for i, row := range TimeoutTable() {
		for _, general := range []time.Duration{0, time.Nanosecond, row.Usual - 1, row.Usual, row.Usual + 1, 24 * time.Hour} {
			want := general
			switch row.Name {
			case "End": // never shortened: a timeout there makes duplicates
				if general != 0 {
					want = max(general, row.Usual)
				}
			case "Quit", "Line": // never lengthened
				want = row.Usual
				if general != 0 {
					want = min(general, row.Usual)
				}
			}
			got := (Timeouts{}).Effective(general, true)
			if d := *got.fields()[i]; d != want {
				t.Errorf("%s under a general timeout of %v: %v, want %v", row.Name, general, d, want)
			}
			for _, given := range []bool{true, false} {
				var set Timeouts
				*set.fields()[i] = own
				before := set
				got := set.Effective(general, given)
				if d := *got.fields()[i]; d != own {
					t.Errorf("%s set to %v, general %v: %v", row.Name, own, general, d)
				}
				for j, other := range TimeoutTable() {
					rest := (Timeouts{}).Effective(general, given)
					if j != i && *got.fields()[j] != *rest.fields()[j] {
						t.Errorf("%s set: it changes %s", row.Name, other.Name)
					}
				}
				if set != before {
					t.Errorf("Effective changed what it was called on: %+v", set)
				}
			}
		}
	}
}

func TestTimeouts_C9_NegativeIsInvalid(t *testing.T) {
	if err := (Timeouts{}).Validate(); err != nil {
		t.Errorf("zero value: %v", err)
	}
	full := (Timeouts{}).Effective(0, false)
	if err := full.Validate(); err != nil {
		t.Errorf("the usual values: %v", err)
	}
	for i, row := range TimeoutTable() {
		bad := full
		*bad.fields()[i] = -time.Second
		err := bad.Validate()
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "Timeouts."+row.Name+" is -1s") {
			t.Errorf("%s: %v", row.Name, err)
		}
	}
}
