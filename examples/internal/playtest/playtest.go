// Package playtest runs an example as a test and reads what it leaves behind.
package playtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtptest"
)

// Result is what a run of a program left behind.
type Result struct {
	t              *testing.T
	Status         int
	Stdout, Stderr string
}

// Play runs a program. Nothing that it writes may move a terminal's cursor.
func Play(t *testing.T, ctx context.Context, run func(ctx context.Context, stdout, stderr io.Writer) (status int)) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // a broken program hangs no longer than that
	defer cancel()
	var stdout, stderr bytes.Buffer
	status := run(ctx, &stdout, &stderr)
	r := Result{t, status, stdout.String(), stderr.String()}
	CheckPrintable(t, r.Stdout)
	CheckPrintable(t, r.Stderr)
	return r
}

// EnvOf returns a look-up in env alone.
func EnvOf(env map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) { v, ok := env[key]; return v, ok }
}

// CheckPrintable fails if text could move a terminal's cursor.
func CheckPrintable(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 {
			t.Fatalf("control octet %#x in the output:\n%q", r, text)
		}
	}
}

// Want fails unless the exit status is the one given.
func (r Result) Want(status int) Result {
	r.t.Helper()
	if r.Status != status {
		r.t.Fatalf("exit status %d, want %d\n%s%s", r.Status, status, r.Stdout, r.Stderr)
	}
	return r
}

// Tells fails unless the parts stand in the output in this order.
func (r Result) Tells(parts ...string) Result {
	r.t.Helper()
	rest := r.Stdout
	for _, p := range parts {
		_, after, found := strings.Cut(rest, p)
		if !found {
			r.t.Fatalf("%q is missing, or in the wrong place, in\n%s", p, r.Stdout)
		}
		rest = after
	}
	return r
}

// Object is a line of -json.
type Object map[string]any

// Lines reads what -json printed: objects and nothing else.
func (r Result) Lines() []Object {
	r.t.Helper()
	var all []Object
	for line := range strings.Lines(r.Stdout) {
		var o Object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			r.t.Fatalf("no JSON object: %v: %q", err, line)
		}
		all = append(all, o)
	}
	if len(all) == 0 {
		r.t.Fatalf("no lines; standard error: %s", r.Stderr)
	}
	return all
}

// Find returns the objects of one kind of event.
func Find(all []Object, event string) []Object {
	return slices.DeleteFunc(slices.Clone(all), func(o Object) bool { return o["event"] != event })
}

// Names returns the kinds without OnStateChange.
func Names(all []Object) string {
	var s []string
	for _, o := range all {
		if o["event"] != "OnStateChange" {
			s = append(s, o["event"].(string))
		}
	}
	return strings.Join(s, " ")
}

// Server starts one and returns the flags that lead to it.
func Server(t *testing.T, cfg smtptest.Config, more ...string) []string {
	t.Helper()
	_, args := Serve(t, cfg, more...)
	return args
}

// Serve is Server for those who ask it afterwards.
func Serve(t *testing.T, cfg smtptest.Config, more ...string) (*smtptest.Server, []string) {
	t.Helper()
	srv, err := smtptest.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv, append([]string{"-host", srv.Host(), "-port", strconv.Itoa(srv.Port())}, more...)
}

// SelfSigned returns a server with a certificate for 127.0.0.1 and a PEM file of
// it.
func SelfSigned(t *testing.T) (smtptest.Config, string) {
	t.Helper()
	authority, err := smtptest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate(smtptest.CertOptions{Names: []string{"127.0.0.1"}, SelfSigned: true})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "roots.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return smtptest.Config{Mode: smtptest.StartTLS, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}, file
}

// ClosedPort returns a port where nobody listens.
func ClosedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}
