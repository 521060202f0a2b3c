package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtptest"
)

// key makes the test binary be the program.
const key = "EHLO_WATCH_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(key) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The program in a process of its own: what it prints to standard error, and its
// status.
func TestMain_Status(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"-h"}, 0, "usage: watch HOST\n"},
		{nil, 2, "usage: watch HOST\n"},
		{[]string{"a.example", "b.example"}, 2, "usage: watch HOST\n"},
		{[]string{"-nonsense"}, 2, "usage: watch HOST\n"},
		{[]string{"a..example"}, 1, "a..example"}, // no name, so nobody is asked for it
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, os.Args[0], c.args...)
		cmd.Env = append(os.Environ(), key+"=1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run()
		cancel()
		if got := cmd.ProcessState.ExitCode(); got != c.status || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%q: status %d, want %d; %s", c.args, got, c.status, &stderr)
		}
	}
}

// A life that ends as it should is no error; one that ends otherwise is.
func TestWatch_AnOrderlyEndIsNoError(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		cfg := smtptest.Config{Mode: smtptest.StartTLS}
		if refuses {
			cfg.On = map[string]smtptest.Step{"EHLO": smtptest.SayAndClose("554 no")}
		}
		srv, err := smtptest.NewServer(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer srv.Close()
		err = watch(t.Context(), session.Config{HostName: srv.Host(), RemotePort: srv.Port(), TLS: &tls.Config{RootCAs: srv.Roots()},
			Options: session.Extended | session.SecureExplicit, Retry: session.Retry{MaxAttempts: 1}})
		if (err != nil) != refuses {
			t.Errorf("refuses %v: %v", refuses, err)
		}
	}
}
