package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
)

func fail(r *Registry, id uint64, err error) {
	r.Event(context.Background(), events.OnError{Header: events.Header{Session: id}, Err: err})
}

func TestFailures_KeepTheLatestEscapedAndBounded(t *testing.T) {
	var r Registry
	r.LifeStart(t.Context(), idle(1, events.Snapshot{Host: "mx\x1b.test"}))
	for i := range 200 {
		fail(&r, 1, fmt.Errorf("number %d \x00%s", i, strings.Repeat("x", 1<<20)))
	}
	fail(&r, 1, &smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 550, Text: strings.Repeat("\x07", 1<<20)}})
	fail(&r, 1, nil)
	fail(&r, 2, errors.New("of a session that is not alive"))
	got := r.Failures()
	if len(got) != keptFailures {
		t.Fatal(len(got))
	}
	for i, f := range got {
		want := fmt.Sprintf(`number %d \x00x`, 200-i)
		if i == 0 {
			want = `550 \a\a`
		}
		if !strings.Contains(f.Text, want) || len(f.Text) > 8<<10 || f.Host != `mx\x1b.test` {
			t.Errorf("%d: %d octets of %.40q, host %q", i, len(f.Text), f.Text, f.Host)
		}
	}
}

func TestFailures_ManyWritersAndReaders(t *testing.T) {
	var r Registry
	var all sync.WaitGroup
	for w := range uint64(8) {
		r.LifeStart(t.Context(), idle(w, events.Snapshot{}))
		all.Go(func() {
			for range 500 {
				fail(&r, w, errors.New("no"))
				if w == 0 && len(r.Failures()) > keptFailures {
					t.Error("too many")
				}
			}
		})
	}
	all.Wait()
	if n := len(r.Failures()); n != keptFailures {
		t.Error(n)
	}
}
