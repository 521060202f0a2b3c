package smtp

import "testing"

func TestOutcome_String(t *testing.T) {
	var zero Outcome
	for o, want := range map[Outcome]string{zero: "not_sent", NotSent: "not_sent", Accepted: "accepted", Rejected: "rejected", Unknown: "unknown", 9: "_OTHER"} {
		if got := o.String(); got != want {
			t.Errorf("%d: %q, want %q", o, got, want)
		}
	}
}
