package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

// No goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play runs the program with no environment, the pages on a free port.
func play(t *testing.T, ctx context.Context, args ...string) playtest.Result {
	t.Helper()
	return playWith(t, ctx, nil, args...)
}

func playWith(t *testing.T, ctx context.Context, env map[string]string, args ...string) playtest.Result {
	t.Helper()
	others := goleak.IgnoreCurrent()
	defer goleak.VerifyNone(t, others)
	return playtest.Play(t, ctx, func(ctx context.Context, stdout, stderr io.Writer) int {
		return run(ctx, setup.Process{Args: append([]string{"-listen", ":0"}, args...), Env: playtest.EnvOf(env), Stdout: stdout, Stderr: stderr})
	})
}

// Without troubles every message is accepted, no more than were asked for.
func TestRun_SendsTheMessagesAndEnds(t *testing.T) {
	r := play(t, t.Context(), "-sessions", "4", "-messages", "30", "-think", "1ms", "-faults", "0").Want(setup.ExitDone)
	r.Tells("http://127.0.0.1:", "/debug/smtp/", "/metrics", "no traces: OTEL_EXPORTER_OTLP_ENDPOINT", "4 sessions to ", "-seed ", "In ",
		" 0 failed; 0 retries, 0 logins refused", "30 messages: 30 accepted (0 not for all), 0 rejected, 0 not sent, 0 unknown")
	if r.Stderr != "" {
		t.Errorf("standard error: %s", r.Stderr)
	}
}

func TestRun_EndsInTime(t *testing.T) {
	began := time.Now()
	play(t, t.Context(), "-sessions", "3", "-think", "5ms", "-faults", "0", "-for", "300ms").Want(setup.ExitDone).Tells("In ", "connects: ", "0 rejected")
	if took := time.Since(began); took < 300*time.Millisecond || took > 20*time.Second {
		t.Errorf("after %v", took)
	}
}

// Ctrl-C is how it usually ends: nothing is left half done, and it is no failure.
func TestRun_EndsCleanlyWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	timer := time.AfterFunc(300*time.Millisecond, cancel)
	defer timer.Stop()
	play(t, ctx, "-sessions", "8", "-think", "2ms", "-faults", "0").Want(setup.ExitDone).Tells("In ", "rejected, 0 not sent, 0 unknown")
}

// A collector that is not there is said once, not every few seconds, and by the
// exit status.
func TestRun_SaysThatSpansWereLost(t *testing.T) {
	endpoint := "http://127.0.0.1:" + playtest.ClosedPort(t)
	t.Setenv(endpointKey, endpoint) // the exporter reads the process's
	r := playWith(t, t.Context(), map[string]string{endpointKey: endpoint}, "-sessions", "2", "-messages", "5", "-think", "1ms", "-faults", "0").Want(setup.ExitFailed)
	r.Tells("traces go to "+endpoint+"/v1/traces", "5 messages: 5 accepted", " 0 spans sent, ", " lost")
	if strings.Count(r.Stderr, "\n") != 1 || !strings.Contains(r.Stderr, "spans did not reach the collector") {
		t.Errorf("standard error: %s", r.Stderr)
	}
}
