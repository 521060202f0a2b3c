package ehlo_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtptest"
)

// sinkEnv makes the test binary a server in a process of its own, so that its
// memory is not counted as ours. It serves until its standard input ends.
const sinkEnv = "EHLO_TEST_SINK"

func runSink(mode string) int {
	authority, err := smtptest.NewAuthority()
	if err != nil {
		return fail(err)
	}
	cert, err := authority.Certificate(smtptest.CertOptions{Names: []string{"127.0.0.1"}})
	if err != nil {
		return fail(err)
	}
	c := smtptest.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}
	if mode == "tls" {
		c.Mode = smtptest.StartTLS
	}
	srv, err := smtptest.NewServer(c)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = srv.Close() }()
	fmt.Println(srv.Port())
	for _, der := range cert.Certificate {
		_ = pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// startSink starts the sink and returns its port and the roots that trust it.
func startSink(b *testing.B, mode string) (port int, roots *x509.CertPool) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), sinkEnv+"="+mode)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	in := bufio.NewScanner(stdout)
	var certs strings.Builder
	for in.Scan() && in.Text() != "ready" {
		if port == 0 {
			if _, err := fmt.Sscan(in.Text(), &port); err != nil {
				b.Fatal(err)
			}
			continue
		}
		certs.WriteString(in.Text() + "\n")
	}
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(certs.String())) {
		b.Fatal("the sink gave no certificate")
	}
	return port, roots
}

// BenchmarkIdleSession reports what a ready, parked session holds: heap and
// stack, goroutine included, over 3,000 sessions against a server in another
// process. Run it with -benchtime 1x.
func BenchmarkIdleSession(b *testing.B) {
	for _, mode := range []string{"plain", "tls"} {
		b.Run(mode, func(b *testing.B) {
			port, roots := startSink(b, mode)
			c := session.Config{HostAddress: "127.0.0.1", RemotePort: port, Options: session.Extended, TLS: &tls.Config{RootCAs: roots}}
			if mode == "tls" {
				c.Options |= session.SecureExplicit
			}
			for b.Loop() {
				b.ReportMetric(idleBytes(b, c, 3000), "B/session")
			}
		})
	}
}

// idleBytes connects n sessions, lets the collector run, and returns the bytes
// of heap and stack that each added.
func idleBytes(b *testing.B, c session.Config, n int) float64 {
	b.Helper()
	sessions := make([]*session.Session, 0, n)
	before := inUse()
	for range n {
		s, err := session.New(c)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Connect(context.Background()); err != nil {
			b.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	after := inUse()
	for _, s := range sessions {
		_ = s.Close()
		<-s.Done()
	}
	return (after - before) / float64(n)
}

func inUse() float64 {
	var m runtime.MemStats
	for range 5 { // each collection halves a stack that has grown too large
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
