package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/live"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// watch is the sessions at work and all that looks at them.
type watch struct {
	set       settings
	mail      *smtptest.Server
	telemetry *telemetry
	registry  live.Registry
	tally     *tally
	load      *load
	web       *web
	began     time.Time
}

// open starts everything but the sessions. An error leaves nothing open.
func open(ctx context.Context, set settings) (*watch, error) {
	ln, err := openWeb(set.listen)
	if err != nil {
		return nil, err
	}
	w := &watch{set: set, tally: newTally(), began: time.Now()}
	if w.telemetry, err = openTelemetry(ctx, set.collector); err != nil {
		_ = ln.Close()
		return nil, err
	}
	var config session.Config
	if w.mail, config, err = openMailhost(set); err != nil {
		_ = ln.Close()
		w.telemetry.close(ctx)
		return nil, err
	}
	config.Hooks = append([]events.Hook{w.telemetry.hook, &w.registry, w.tally}, set.hooks...)
	config.Hub = set.hub
	w.load = &load{config: config, sessions: set.sessions, think: set.think, seed: set.seed, bounded: set.messages > 0}
	w.load.left.Store(int64(set.messages))
	w.web = serve(ln, routes(ln.Addr().String(), w.collector(), &w.registry, w.telemetry.metrics))
	return w, nil
}

// work runs the sessions until ctx ends, -for is over or -messages are sent, or the
// pages cannot be served any more, which close tells.
func (w *watch) work(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if w.set.duration > 0 {
		timer := time.AfterFunc(w.set.duration, cancel)
		defer timer.Stop()
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-w.web.broken:
			cancel()
		case <-ctx.Done():
		}
	}()
	w.load.run(ctx)
	cancel()
	<-watched
}

// close ends what open has started, last of all the spans' way out. Each wait in it
// has a bound.
func (w *watch) close(ctx context.Context) (failed []error) {
	if err := w.web.close(); err != nil {
		failed = append(failed, err)
	}
	_ = w.mail.Close()
	return append(failed, w.telemetry.close(ctx)...)
}

// collector returns where the traces go, to be printed.
func (w *watch) collector() string {
	if w.set.collector == nil {
		return ""
	}
	return smtp.Escape(w.set.collector.Redacted())
}

// introduce says where to look.
func (w *watch) introduce(out io.Writer) {
	traces := "traces go to " + w.collector()
	if w.set.collector == nil {
		traces = "no traces: " + endpointKey + " is not set"
	}
	fmt.Fprintf(out, `ehlo: sessions to watch

  http://%[1]s/            links
  http://%[1]s/debug/smtp/ the sessions as they are now
  http://%[1]s/metrics     for Prometheus
  %s

%d sessions to %s on %s, -faults %v -seed %d

`, w.web.addr, traces, w.set.sessions, hostName, w.mail.Addr(), w.set.faults, w.set.seed)
}

// line tells how it goes.
func (w *watch) line() string {
	live := 0 // fewer than -sessions: some rest between two lives
	for _, n := range w.registry.Counts() {
		live += n
	}
	t := w.tally
	return fmt.Sprintf("%6v  %d live, %d retries; %d accepted, %d rejected, %d not sent, %d unknown", time.Since(w.began).Round(time.Second),
		live, t.retries.Load(), t.of(smtp.Accepted), t.of(smtp.Rejected), t.of(smtp.NotSent), t.of(smtp.Unknown))
}

// sum tells what it came to.
func (w *watch) sum(out io.Writer) {
	t := w.tally
	fmt.Fprintf(out, `In %v
  %d connects: %d ready, %d failed; %d retries, %d logins refused
  %d messages: %d accepted (%d not for all), %d rejected, %d not sent, %d unknown
`, time.Since(w.began).Round(100*time.Millisecond), t.ready.Load()+t.failed.Load(), t.ready.Load(), t.failed.Load(), t.retries.Load(),
		t.refused.Load(), t.messages(), t.of(smtp.Accepted), t.partly.Load(), t.of(smtp.Rejected), t.of(smtp.NotSent), t.of(smtp.Unknown))
	if w.telemetry.spans != nil {
		sent, lost, _ := w.telemetry.spans.counts()
		fmt.Fprintf(out, "  %d spans sent, %d lost\n", sent, lost)
	}
}
