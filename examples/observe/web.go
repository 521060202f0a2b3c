package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ehlo-go/ehlo/live"
)

// web serves the pages.
type web struct {
	addr   string // host:port
	ln     net.Listener
	server *http.Server
	end    context.CancelFunc // of every request
	broken chan struct{}      // closed when nothing is served any more
	err    error              // why; after that
}

// index is the page at /.
var index = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>ehlo observe</title>
<h1>ehlo observe</h1>
<ul>
<li><a href="/debug/smtp/">/debug/smtp/</a>: the sessions as they are now
<li><a href="/metrics">/metrics</a>: for Prometheus, with these lines in its prometheus.yml:
</ul>
<pre>
scrape_configs:
- job_name: ehlo
  scrape_interval: 5s
  static_configs:
  - targets: ['{{.Addr}}']
</pre>
<p>{{if .Collector}}Traces go to {{.Collector}}.{{else}}There are no traces: OTEL_EXPORTER_OTLP_ENDPOINT is not set.{{end}}
`))

// routes returns what there is to be read. collector is where the traces go, "" if
// nowhere.
func routes(addr, collector string, registry *live.Registry, metrics *prometheus.Registry) http.Handler {
	page := live.Page{Title: "ehlo observe"} // without Hosts: 127.0.0.1 and localhost will do
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		_ = index.Execute(w, struct{ Addr, Collector string }{addr, collector}) // an error is the reader's
	})
	// OpenMetrics has exemplars: the trace of a measurement beside its bucket.
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.Handle("/debug/smtp/", registry.Handler(page))
	return page.Guard(mux)
}

// openWeb listens. Nothing is answered before serve.
func openWeb(at netip.AddrPort) (net.Listener, error) {
	ln, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("-listen: cannot serve there: %w (-listen :0 takes a free port)", err)
	}
	return ln, nil
}

// newServer returns a server that nobody keeps waiting. The live page's stream goes
// on for longer: it has a deadline of its own for each write.
func newServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute}
}

// serve answers on ln until close.
func serve(ln net.Listener, h http.Handler) *web {
	ctx, end := context.WithCancel(context.Background())
	w := &web{addr: ln.Addr().String(), ln: ln, end: end, broken: make(chan struct{})}
	w.server = newServer(h)
	w.server.BaseContext = func(net.Listener) context.Context { return ctx }
	go func() {
		defer close(w.broken)
		w.err = w.server.Serve(ln)
	}()
	return w
}

// close ends the streams of the live page, waits a moment for other answers, and
// for the server's goroutine.
func (w *web) close() error {
	w.end()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if w.server.Shutdown(ctx) != nil {
		_ = w.server.Close()
	}
	<-w.broken
	if !errors.Is(w.err, http.ErrServerClosed) {
		return fmt.Errorf("the pages: %w", w.err)
	}
	return nil
}
