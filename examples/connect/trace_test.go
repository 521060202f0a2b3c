package main

import (
	"strings"
	"testing"
)

func TestTrace_SpansGoToStandardError(t *testing.T) {
	r := play(t, "-trace", "-json").want(exitReady)
	r.lines() // standard output is as without
	rest := r.stderr
	for _, want := range []string{"\nSpans", "\n  smtp.connect ", "server.address=127.0.0.1", "\n    smtp.connect.attempt ",
		"\n      smtp.resolve ", "\n      smtp.dial ", "\n      smtp.greeting ", "smtp.reply.code=220", "\n      smtp.ehlo ",
		"\n      smtp.starttls ", "tls.protocol.version=1.3", "\n      smtp.ehlo "} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("%q is missing, or in the wrong place, in\n%s", want, r.stderr)
		}
		rest = after
	}
}

// The login is not part of the connect: a span of its own, with a link.
func TestTrace_Login(t *testing.T) {
	r := play(t, "-trace", "-auth").want(exitReady)
	_, login, found := strings.Cut(r.stderr, "\n  smtp.auth ")
	if !found || !strings.Contains(login, "link=smtp.connect") || !strings.Contains(login, "smtp.auth.mechanism=SCRAM-SHA-256-PLUS") {
		t.Errorf("standard error: %s", r.stderr)
	}
	r = playWith(t, t.Context(), map[string]string{"EHLO_PASSWORD": "wrong"}, "-trace", "-auth").want(exitRefused)
	if _, login, _ := strings.Cut(r.stderr, "\n  smtp.auth "); !strings.Contains(login, "failed: ") || !strings.Contains(login, "error.type=535") {
		t.Errorf("standard error: %s", r.stderr)
	}
}

func TestTrace_Failure(t *testing.T) {
	r := play(t, "-trace", "-host", "127.0.0.1", "-port", closedPort(t), "-attempts", "1").want(exitFailed)
	if !strings.Contains(r.stderr, "failed: connection refused") || !strings.Contains(r.stderr, "error.type=connection_refused") {
		t.Errorf("standard error: %s", r.stderr)
	}
	if strings.Contains(r.stdout, "Spans") {
		t.Error("spans on standard output")
	}
}
