package live

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtptest"
)

// pipes is a listener of pipes, for a server in a bubble.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// dial returns a connection that holds size octets each way.
func (p *pipes) dial(size int) net.Conn {
	client, server := smtptest.Pipe(size)
	p.conns <- server
	return client
}

// serve serves h in the bubble.
func serve(t *testing.T, h http.Handler) (*pipes, *http.Server) {
	l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h, ReadTimeout: 2 * time.Second, WriteTimeout: 2 * time.Second}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		synctest.Wait()
	})
	return l, srv
}

// listen asks for the stream and returns what reads it.
func listen(t *testing.T, c net.Conn, query string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(c, "GET /events"+query+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// next returns the next event's data.
func next(t *testing.T, r *bufio.Scanner) string {
	t.Helper()
	var data []string
	for r.Scan() {
		line := r.Text()
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			data = append(data, text)
		}
		if line == "" && data != nil {
			return strings.Join(data, "\n")
		}
	}
	t.Fatal("no event: ", r.Err())
	return ""
}

func TestStream_TellsWhatChangesForLongerThanTheServersOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		l, _ := serve(t, r.Handler(Page{}))
		c := l.dial(0)
		answer := listen(t, c, "?state=ready")
		if ct := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || ct != "text/event-stream" || answer.Header.Get("Content-Security-Policy") == "" {
			t.Error(answer.StatusCode, answer.Header)
		}
		in := bufio.NewScanner(answer.Body)
		begun := time.Now()
		for i := range uint64(9) {
			if page := next(t, in); strings.Count(page, `name="id"`) != int(i) || !strings.Contains(page, "</table>") && i > 0 {
				t.Errorf("%d: %s", i, page)
			}
			r.LifeStart(t.Context(), idle(i, events.Snapshot{State: fsm.Ready}))
		}
		if took := time.Since(begun); took != 8*time.Second {
			t.Errorf("took %v", took)
		}
		_ = c.Close()
	})
}

func TestStream_EndsWithItsReaderItsServerAndItsTime(t *testing.T) {
	for _, end := range []string{"reader", "server", "time", "slow reader"} {
		t.Run(end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r Registry
				for i := range uint64(200) {
					r.LifeStart(t.Context(), idle(i, events.Snapshot{State: fsm.Ready}))
				}
				h := r.Handler(Page{}).(*handler)
				l, srv := serve(t, h)
				c := l.dial(4096)
				begun := time.Now()
				answer := listen(t, c, "")
				after := time.Duration(0)
				switch end {
				case "reader":
					_ = c.Close()
				case "server":
					_ = srv.Close()
				case "time":
					after = longestStream
					if n, err := io.Copy(io.Discard, answer.Body); err != nil || n < 1000 {
						t.Error(n, err)
					}
				case "slow reader": // reads nothing, and is given up
					after = slowestWrite
					timer := time.NewTimer(after + time.Millisecond)
					<-timer.C
					begun = begun.Add(time.Millisecond)
				}
				synctest.Wait()
				if n := len(h.streams); n != 0 {
					t.Errorf("%d streams go on", n)
				}
				if took := time.Since(begun); took != after {
					t.Errorf("after %v, want %v", took, after)
				}
				_ = c.Close()
			})
		})
	}
}

func TestStream_OnlySoManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		h := r.Handler(Page{Readers: 3})
		l, _ := serve(t, h)
		var conns []net.Conn
		for range 3 {
			c := l.dial(0)
			conns = append(conns, c)
			if answer := listen(t, c, ""); answer.StatusCode != http.StatusOK {
				t.Error(answer.StatusCode)
			}
		}
		refused := l.dial(0)
		if answer := listen(t, refused, ""); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Error(answer.StatusCode, answer.Header)
		}
		if w := ask(h, "GET", "/"); w.Code != http.StatusOK { // the page is for all
			t.Error(w.Code)
		}
		_ = conns[0].Close()
		synctest.Wait()
		again := l.dial(0)
		if answer := listen(t, again, ""); answer.StatusCode != http.StatusOK {
			t.Error(answer.StatusCode)
		}
		for _, c := range append(conns, refused, again) {
			_ = c.Close()
		}
	})
}

func TestStream_EndsWithTheRequestsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		h := r.Handler(Page{}).(*handler)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			request, _ := http.NewRequestWithContext(ctx, "GET", "http://localhost/events", nil)
			h.ServeHTTP(&flushed{header: http.Header{}}, request)
		}()
		synctest.Wait()
		if len(h.streams) != 1 {
			t.Error("no stream")
		}
		cancel()
		synctest.Wait()
		select {
		case <-done:
		default:
			t.Error("goes on")
		}
	})
}

// flushed is a ResponseWriter that knows no deadlines.
type flushed struct{ header http.Header }

func (f *flushed) Header() http.Header         { return f.header }
func (f *flushed) Write(p []byte) (int, error) { return len(p), nil }
func (f *flushed) WriteHeader(int)             {}
func (f *flushed) Flush()                      {}

func TestStream_AWriterThatCannotBeFlushedGetsNone(t *testing.T) {
	var r Registry
	h := r.Handler(Page{}).(*handler)
	w := struct{ http.ResponseWriter }{&flushed{header: http.Header{}}}
	request, _ := http.NewRequestWithContext(t.Context(), "GET", "http://localhost/events", nil)
	h.ServeHTTP(w, request) // and returns
	if len(h.streams) != 0 {
		t.Error("a stream goes on")
	}
}

func TestEvent_NoLineEndLeavesItsField(t *testing.T) {
	if got, want := string(event([]byte("a\r\nevent: b\rid: c\n\nd"))), "event: body\ndata: a\ndata: event: b\ndata: id: c\ndata: \ndata: d\n\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
