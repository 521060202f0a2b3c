package ehlo_test

import (
	"bufio"
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
func startSink(t *testing.T, mode string) (port int, roots *x509.CertPool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), sinkEnv+"="+mode)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	in := bufio.NewScanner(stdout)
	var certs strings.Builder
	for in.Scan() && in.Text() != "ready" {
		if port == 0 {
			if _, err := fmt.Sscan(in.Text(), &port); err != nil {
				t.Fatal(err)
			}
			continue
		}
		certs.WriteString(in.Text() + "\n")
	}
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(certs.String())) {
		t.Fatal("the sink gave no certificate")
	}
	return port, roots
}

// What a ready, parked session holds: heap and stack, goroutine included. bench/
// has its marks, 6 and 12.5 kB, and measures it in a process of its own; beside
// other tests it is up to 1.3 kB more, since Go gives new goroutines a stack of the
// size that others have needed. A buffer that is not given back is 3 kB.
func TestIdleSession_HoldsLittle(t *testing.T) {
	const many = 500
	for _, w := range []struct {
		mode string
		most float64
	}{{"plain", 7500}, {"tls", 14_000}} {
		t.Run(w.mode, func(t *testing.T) {
			port, roots := startSink(t, w.mode)
			c := session.Config{HostAddress: "127.0.0.1", RemotePort: port, Options: session.Extended, TLS: &tls.Config{RootCAs: roots}}
			if w.mode == "tls" {
				c.Options |= session.SecureExplicit
			}
			most := w.most
			if raceDetector {
				most *= 1.25
			}
			_ = idleBytes(t, c, 20) // what the first ones set up
			held := idleBytes(t, c, many)
			t.Logf("%.0f octets", held)
			if held > most {
				t.Errorf("a session that rests holds %.0f octets, want at most %.0f", held, most)
			}
		})
	}
}

// idleBytes connects n sessions, lets the collector run, and returns the bytes
// of heap and stack that each added.
func idleBytes(t *testing.T, c session.Config, n int) float64 {
	t.Helper()
	sessions := make([]*session.Session, 0, n)
	defer func() {
		for _, s := range sessions {
			_ = s.Close()
			<-s.Done()
		}
	}()
	before := inUse()
	for range n {
		s, err := session.New(c)
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return (inUse() - before) / float64(n)
}

func inUse() float64 {
	var m runtime.MemStats
	for range 5 { // each collection halves a stack that has grown too large
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
