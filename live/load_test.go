package live

import (
	"bufio"
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// H24 with readers: a thousand sessions begin, work, fail and end, while pages are
// read, streams are followed and sessions are aborted. Each ends as it has to, and
// nothing of any is left.
func TestLoad_AThousandSessionsWhilePagesAreRead(t *testing.T) {
	var r Registry
	srv, c := memory(t, &r, smtptest.Config{On: map[string]smtptest.Step{"VRFY": smtptest.Say("550 <script>")}})
	h := r.Handler(Page{Refresh: 1, Rows: 40})
	web := httptest.NewServer(h)
	ctx, stop := context.WithCancel(t.Context())

	var readers sync.WaitGroup
	var pages, updates, aborts atomic.Int64
	for _, query := range []string{"", "?state=ready", "?state=mail"} {
		readers.Go(func() {
			for ctx.Err() == nil {
				page := ask(h, "GET", "/"+query)
				if page.Code != http.StatusOK || strings.Contains(page.Body.String(), "<script>") {
					t.Error(page.Code, page.Body)
				}
				pages.Add(1)
				sessions := r.Sessions()
				if !slices.IsSortedFunc(sessions, func(a, b events.Snapshot) int { return cmp.Compare(a.ID, b.ID) }) {
					t.Error("not in order")
				}
				_, _, _ = r.Counts(), r.Phases(), r.Failures()
			}
		})
		readers.Go(func() {
			request, err := http.NewRequestWithContext(ctx, "GET", web.URL+"/events"+query, nil)
			if err != nil {
				t.Error(err)
				return
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			for in := bufio.NewReader(answer.Body); ; updates.Add(1) {
				if _, err := in.ReadString('\n'); err != nil {
					return
				}
			}
		})
	}

	const many, atOnce = 1000, 100
	var began atomic.Int64
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range many {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			s, err := session.New(c)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			began.Add(1)
			aborted := i%10 == 9
			err = s.Connect(t.Context())
			switch {
			case err != nil:
			case aborted:
				if w := post(h, url.Values{"id": {strconv.FormatUint(s.ID(), 10)}, "token": {r.token.String()}}); w.Code != http.StatusSeeOther {
					t.Error(w.Code)
				}
				aborts.Add(1)
				<-s.Done()
			case i%10 < 5:
				_, _ = s.Verify(t.Context(), "who")
				fallthrough
			default:
				_, err = s.Send(t.Context(), &smtp.Message{Recipients: smtp.To("to@example.net"), Content: strings.NewReader("a: b\r\n")})
			}
			if err != nil {
				t.Error(err)
			}
			_ = s.Disconnect(t.Context())
			<-s.Done()
			if r.Abort(s.ID()) {
				t.Error("live after Done")
			}
		})
	}
	all.Wait()
	stop()
	readers.Wait()
	web.Close()
	http.DefaultClient.CloseIdleConnections()
	if got := r.Sessions(); len(got) != 0 {
		t.Errorf("%d are left", len(got))
	}
	if n := len(srv.Messages()); n != many-int(aborts.Load()) {
		t.Errorf("%d messages", n)
	}
	for _, p := range r.Phases() {
		want := uint64(many)
		if p.Phase == fsm.Mail {
			want -= uint64(aborts.Load())
		}
		if p.Count != want {
			t.Errorf("%v: %d times, want %d", p.Phase, p.Count, want)
		}
	}
	if pages.Load() < 10 || updates.Load() < 100 || aborts.Load() != many/10 || began.Load() != many {
		t.Errorf("%d pages, %d lines of updates, %d aborts, %d sessions", pages.Load(), updates.Load(), aborts.Load(), began.Load())
	}
	t.Logf("%d pages, %d lines of updates", pages.Load(), updates.Load())
}
