package session

import (
	"io"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
)

// OnProgress comes at most ten times a second, and once at the end.
func TestSend_ProgressIsToldTenTimesASecondAtMost(t *testing.T) {
	for offered, keywords := range keywordSets() {
		bubble(t, offered, func(t *testing.T) {
			s, _, evs := offering(t, Envelope, nil, keywords...)
			const blocks = 100
			left := blocks
			m := to("a@example.net")
			m.Content = readFunc(func(p []byte) (int, error) {
				if left--; left < 0 {
					return 0, io.EOF
				}
				<-time.After(30 * time.Millisecond)
				return copy(p, "Subject: slow\r\n\r\nand as many octets as there is room for\r\n"+string(make([]byte, len(p)))), nil
			})
			r, err := s.Send(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			var told []events.OnProgress
			for _, e := range leave(t, s, evs) {
				if e, ok := e.(events.OnProgress); ok {
					told = append(told, e)
				}
			}
			if len(told) < 3 {
				t.Fatalf("%d times", len(told))
			}
			for i, e := range told[1:] {
				if e.Octets < told[i].Octets || i < len(told)-2 && e.Time.Sub(told[i].Time) < 100*time.Millisecond {
					t.Errorf("%d octets at %v after %d at %v", e.Octets, e.Time, told[i].Octets, told[i].Time)
				}
			}
			if last := told[len(told)-1]; last.Octets != r.Octets || r.Octets == 0 {
				t.Errorf("%d of %d octets at the end", last.Octets, r.Octets)
			}
		})
	}
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
