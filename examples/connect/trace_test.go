package main

import (
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

func TestTrace_SpansGoToStandardError(t *testing.T) {
	r := play(t, "-trace", "-json").Want(setup.ExitDone)
	r.Lines() // standard output is as without
	rest := r.Stderr
	for _, want := range []string{"\nSpans", "\n  smtp.connect ", "server.address=127.0.0.1", "\n    smtp.connect.attempt ",
		"\n      smtp.dial ", "\n      smtp.greeting ", "smtp.reply.code=220", "\n      smtp.ehlo ",
		"\n      smtp.starttls ", "tls.protocol.version=1.3", "\n      smtp.ehlo "} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("%q is missing, or in the wrong place, in\n%s", want, r.Stderr)
		}
		rest = after
	}
}

// The login is not part of the connect: a span of its own, with a link.
func TestTrace_Login(t *testing.T) {
	r := play(t, "-trace", "-auth").Want(setup.ExitDone)
	_, login, found := strings.Cut(r.Stderr, "\n  smtp.auth ")
	if !found || !strings.Contains(login, "link=smtp.connect") || !strings.Contains(login, "smtp.auth.mechanism=SCRAM-SHA-256-PLUS") {
		t.Errorf("standard error: %s", r.Stderr)
	}
	r = playWith(t, t.Context(), map[string]string{"EHLO_PASSWORD": "wrong"}, "-trace", "-auth").Want(exitRefused)
	if _, login, _ := strings.Cut(r.Stderr, "\n  smtp.auth "); !strings.Contains(login, "failed: ") || !strings.Contains(login, "error.type=535") {
		t.Errorf("standard error: %s", r.Stderr)
	}
}

func TestTrace_Failure(t *testing.T) {
	r := play(t, "-trace", "-host", "127.0.0.1", "-port", playtest.ClosedPort(t), "-attempts", "1").Want(setup.ExitFailed)
	if !strings.Contains(r.Stderr, "failed: connection refused") || !strings.Contains(r.Stderr, "error.type=connection_refused") {
		t.Errorf("standard error: %s", r.Stderr)
	}
	if strings.Contains(r.Stdout, "Spans") {
		t.Error("spans on standard output")
	}
}
