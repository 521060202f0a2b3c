package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/ehlo-go/ehlo/live"
	"github.com/ehlo-go/ehlo/smtptest"
)

// one is a listener of one connection.
type one struct {
	conn chan net.Conn
	done chan struct{}
	once sync.Once
}

func (o *one) Accept() (net.Conn, error) {
	select {
	case c := <-o.conn:
		return c, nil
	case <-o.done:
		return nil, net.ErrClosed
	}
}

func (o *one) Close() error {
	o.once.Do(func() { close(o.done) })
	return nil
}

func (o *one) Addr() net.Addr { return &net.TCPAddr{} }

// Who asks and does not read, who asks too slowly and who comes and says nothing
// more: each is left after a time. Only who reads the live page is not.
func TestServer_NobodyKeepsItWaiting(t *testing.T) {
	const get = " HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, c := range []struct {
		name, says  string
		reads       bool
		from, until time.Duration // after which the connection is closed
	}{
		{"says nothing", "", true, 9 * time.Second, 11 * time.Second},
		{"half a request", "POST /debug/smtp/abort HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 90\r\n\r\nid=", true, 9 * time.Second, 21 * time.Second},
		{"rests", "GET /" + get, true, 59 * time.Second, 61 * time.Second},
		{"the index is not read", "GET /" + get, false, 19 * time.Second, 21 * time.Second},
		{"the metrics are not read", "GET /metrics" + get, false, 19 * time.Second, 21 * time.Second},
		{"the page is not read", "GET /debug/smtp/" + get, false, 19 * time.Second, 21 * time.Second},
		{"the stream is not read", "GET /debug/smtp/events" + get, false, 4 * time.Second, 21 * time.Second},
		{"the stream is read", "GET /debug/smtp/events" + get, true, 4 * time.Minute, 6 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				metrics := prometheus.NewRegistry()
				metrics.MustRegister(collectors.NewGoCollector())
				ln := &one{conn: make(chan net.Conn), done: make(chan struct{})}
				srv := newServer(routes("", "", new(live.Registry), metrics))
				closed := make(chan struct{})
				srv.ConnState = func(_ net.Conn, s http.ConnState) {
					if s == http.StateClosed {
						close(closed)
					}
				}
				served := make(chan struct{})
				go func() {
					defer close(served)
					_ = srv.Serve(ln)
				}()
				client, server := smtptest.Pipe(64)
				ln.conn <- server
				began := time.Now()
				read := make(chan struct{})
				go func() {
					defer close(read)
					_, _ = io.Copy(client, strings.NewReader(c.says))
					if c.reads {
						_, _ = io.Copy(io.Discard, bufio.NewReader(client))
					}
				}()
				<-closed
				if took := time.Since(began); took < c.from || took > c.until {
					t.Errorf("closed after %v, want %v to %v", took, c.from, c.until)
				}
				_ = client.Close()
				_ = srv.Close()
				<-served
				<-read
			})
		})
	}
}
