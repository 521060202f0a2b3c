//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// guard runs before Prometheus. Its end of the pipe falls silent without a word when the test binary is gone, however
// it went; then Prometheus, which has taken the shell's place, is ended.
const guard = `(read -r _ <&3 || { kill -9 $$; rm -rf "$0"; }) & exec "$@" 3<&-`

// scraper is a real Prometheus that belongs to one test and scrapes one address each second.
type scraper struct {
	t   *testing.T
	api string // its URL
}

// findPrometheus returns the program, or ends the test.
func findPrometheus(t *testing.T) (path string) {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("EHLO_REQUIRE_PROMETHEUS") == "1" {
			t.Fatal("EHLO_REQUIRE_PROMETHEUS=1, but ", err)
		}
		t.Skip("Prometheus is not installed; as root: apt-get install --no-install-recommends prometheus")
	}
	return path
}

// startPrometheus starts one in a directory of its own on a free port of 127.0.0.1. It ends with the test.
func startPrometheus(t *testing.T, path, target string) *scraper {
	t.Helper()
	dir, err := os.MkdirTemp("", "ehlo-prometheus-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: ehlo\n"+
		"  static_configs:\n  - targets: ['%s']\n", target), 0o600); err != nil {
		t.Fatal(err)
	}
	// Between the choice of a port and Prometheus's bind another process may take it: then choose again.
	for range 3 {
		if p := runPrometheus(t, path, dir, config); p != nil {
			return p
		}
	}
	t.Fatal("Prometheus does not start")
	return nil
}

// runPrometheus starts one and waits until it is ready; nil if it ends before.
func runPrometheus(t *testing.T, path, dir, config string) *scraper {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	cmd := exec.Command("/bin/sh", "-c", guard, dir, path, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--enable-feature=exemplar-storage", "--log.level=warn")
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dir, log, log, []*os.File{theirs} // its 3
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ended is in its log
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		_, _ = io.WriteString(ours, "done\n")
		_ = ours.Close()
		if text, _ := os.ReadFile(log.Name()); t.Failed() && len(text) > 0 {
			t.Logf("the log of Prometheus:\n%s", text)
		}
	})
	p := &scraper{t: t, api: "http://" + addr}
	gone := false
	until(t, "Prometheus is ready", func() bool {
		select {
		case <-ended:
			gone = true
			return true
		default:
		}
		_, err := p.read("/-/ready", nil)
		return err == nil
	})
	if gone {
		return nil
	}
	return p
}

// read asks Prometheus for a path.
func (p *scraper) read(path string, query url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status + ": " + string(body))
	}
	return body, err
}

// ask asks its HTTP API and decodes the data of the answer.
func (p *scraper) ask(path string, query url.Values, data any) {
	p.t.Helper()
	body, err := p.read("/api/v1/"+path, query)
	if err != nil {
		p.t.Fatalf("%s %v: %v", path, query, err)
	}
	answer := struct{ Data any }{data}
	if err := json.Unmarshal(body, &answer); err != nil {
		p.t.Fatalf("%s %v: %v in %s", path, query, err, body)
	}
}

// sample is one of the answer to a query.
type sample struct {
	labels map[string]string
	value  float64
}

// query asks for a vector.
func (p *scraper) query(text string) (all []sample) {
	p.t.Helper()
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	p.ask("query", url.Values{"query": {text}}, &data)
	for _, r := range data.Result {
		v, err := strconv.ParseFloat(r.Value[1].(string), 64)
		if err != nil {
			p.t.Fatalf("%s: %v", text, err)
		}
		all = append(all, sample{r.Metric, v})
	}
	return all
}

// scraped waits until Prometheus has seen what there is now.
func (p *scraper) scraped() {
	p.t.Helper()
	now := float64(time.Now().UnixMilli()) / 1000
	until(p.t, "a scrape that succeeds", func() bool {
		at := p.query("timestamp(up) and up == 1") // of the sample: of an expression it would be that of the query
		return len(at) == 1 && at[0].value > now
	})
}

// counts returns what Prometheus knows of every metric.
func (p *scraper) counts() lines {
	p.t.Helper()
	got := lines{}
	for _, m := range exported() {
		name := m.series()
		if m.suffix == "_seconds" {
			name += "_count"
		}
		for _, s := range p.query(name) {
			got[line(m.otel, otelLabels(func(name string) string { return s.labels[name] }))] += int64(s.value)
		}
	}
	return got
}

// checkMetadata fails for a metric whose type or help Prometheus does not know. What it knows of a counter it keeps
// under the name without _total.
func (p *scraper) checkMetadata() {
	p.t.Helper()
	var known map[string][]struct{ Type, Help, Unit string }
	p.ask("metadata", nil, &known)
	for _, m := range exported() {
		of := known[strings.TrimSuffix(m.series(), "_total")]
		if len(of) != 1 || of[0].Type != strings.ToLower(m.kind.String()) || of[0].Help != m.help {
			p.t.Errorf("of %s it knows %v", m.series(), of)
		}
	}
}

// exemplars returns the traces that the series of a name lead to.
func (p *scraper) exemplars(name string) (traces []string) {
	p.t.Helper()
	var data []struct {
		Exemplars []struct{ Labels map[string]string }
	}
	now := time.Now()
	p.ask("query_exemplars", url.Values{"query": {name}, "start": {now.Add(-time.Hour).Format(time.RFC3339)}, "end": {now.Add(time.Hour).Format(time.RFC3339)}}, &data)
	for _, series := range data {
		for _, e := range series.Exemplars {
			traces = append(traces, e.Labels["trace_id"])
		}
	}
	return traces
}
