//go:build unix

package ehlo_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

const (
	messageFrom = "sender@client.test"
	messageTo   = "recipient@mx.test"
)

// messageWork is one row of BenchmarkMessage.
type messageWork struct {
	name     string
	octets   int // of the content
	sessions int
	batch    int // messages of each peer in a round
	tls      bool
	chunked  bool // BDAT, else DATA
	flight   session.Flight
	form     contentForm
}

// contentForm is what Send knows of the content.
type contentForm uint8

const (
	known     contentForm = iota // octets in memory
	canonical                    // the same, and the caller's word for its lines
	unknown                      // an io.Reader
)

var messageWorks = []messageWork{
	{name: "10kB/full/plain", octets: 10_000, sessions: 8, batch: 4000, chunked: true, flight: session.Full},
	{name: "10kB/full/tls", octets: 10_000, sessions: 8, batch: 4000, chunked: true, flight: session.Full, tls: true},
	{name: "10kB/envelope/plain", octets: 10_000, sessions: 8, batch: 4000, chunked: true},
	{name: "10kB/envelope/tls", octets: 10_000, sessions: 8, batch: 4000, chunked: true, tls: true},
	{name: "20MB/data/known", octets: 20_000_000, sessions: 1, batch: 4},
	{name: "20MB/data/reader", octets: 20_000_000, sessions: 1, batch: 4, form: unknown},
	{name: "20MB/bdat/canonical", octets: 20_000_000, sessions: 1, batch: 4, chunked: true, form: canonical},
	{name: "20MB/bdat/known", octets: 20_000_000, sessions: 1, batch: 4, chunked: true},
	{name: "20MB/bdat/reader", octets: 20_000_000, sessions: 1, batch: 4, chunked: true, form: unknown},
}

// BenchmarkMessage sends messages on ready sessions beside raw, a loop with the
// fewest octets and system calls that the protocol allows, to one server in
// another process. Each iteration is a round: a batch of each, in turns. The
// medians of the rounds are reported: the CPU of this process for a message,
// system calls included, of ehlo and of raw; how many times raw's ehlo's is; and
// how often ehlo allocates. One round says that it works, 50 what it costs:
// -benchtime 50x.
func BenchmarkMessage(b *testing.B) {
	sink := startMessageSink(b)
	for _, w := range messageWorks {
		b.Run(w.name, func(b *testing.B) {
			flights, content := rawFlights(w)
			raw, ours := make([]messenger, w.sessions), make([]messenger, w.sessions)
			for i := range w.sessions {
				raw[i], ours[i] = rawMessenger(b, sink, w, flights), ehloMessenger(b, sink, w, content)
			}
			sendBatch(b, raw, w.sessions) // what the first message sets up
			sendBatch(b, ours, w.sessions)
			var rawCPU, cpu, ratio, mallocs []float64
			for b.Loop() {
				var base, own batchCost
				if len(ratio)%2 == 0 { // neither is always the one behind
					base = sendBatch(b, raw, w.batch)
					own = sendBatch(b, ours, w.batch)
				} else {
					own = sendBatch(b, ours, w.batch)
					base = sendBatch(b, raw, w.batch)
				}
				rawCPU, cpu = append(rawCPU, base.cpu), append(cpu, own.cpu)
				ratio, mallocs = append(ratio, own.cpu/base.cpu), append(mallocs, own.mallocs)
			}
			b.ReportMetric(0, "ns/op") // that of a round: says nothing
			b.ReportMetric(median(cpu), "cpu-us/op")
			b.ReportMetric(median(rawCPU), "raw-cpu-us/op")
			b.ReportMetric(median(ratio), "x-raw")
			b.ReportMetric(median(mallocs), "mallocs/op")
		})
	}
}

// messageContent returns a message that is clean: a header, and lines of base64.
func messageContent(octets int) []byte {
	const line = 76
	content := make([]byte, 0, octets+line)
	content = append(content, "From: <"+messageFrom+">\r\nTo: <"+messageTo+">\r\nSubject: a benchmark\r\n\r\n"...)
	source := rand.NewChaCha8([32]byte{})
	var b [line / 4 * 3]byte
	for len(content) < octets-2 {
		_, _ = source.Read(b[:])
		content = base64.StdEncoding.AppendEncode(content, b[:])
		content = append(content[:min(len(content), octets-2)], "\r\n"...)
	}
	return content
}

// messenger sends the message once more, on the session that it has.
type messenger func() error

// batchCost is what a message took of the client, on average.
type batchCost struct{ cpu, mallocs float64 } // CPU in microseconds

// sendBatch sends n messages, shared by the messengers at once.
func sendBatch(b *testing.B, by []messenger, n int) batchCost {
	b.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpuTime(b)
	errs := make([]error, len(by))
	var wg sync.WaitGroup
	for i, send := range by {
		wg.Go(func() {
			for range n / len(by) {
				if errs[i] = send(); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	used := cpuTime(b) - start
	runtime.ReadMemStats(&after)
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	return batchCost{float64(used.Nanoseconds()) / 1e3 / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n)}
}

// cpuTime returns the CPU that this process has used, by itself and in the
// system.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// ehloMessenger is a session.
func ehloMessenger(b *testing.B, sink messageSink, w messageWork, content []byte) messenger {
	b.Helper()
	c := session.Config{HostAddress: "127.0.0.1", RemotePort: sink.plain, LocalName: "client.test", Options: session.Extended,
		TLS: &tls.Config{RootCAs: sink.roots}, Flight: w.flight}
	if w.tls {
		c.RemotePort = sink.secure
		c.Options |= session.SecureImplicit
	}
	if !w.chunked {
		c.DiscardKeywords = []string{"CHUNKING"}
	}
	s, err := session.New(c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = s.Close()
		<-s.Done()
	})
	if err := s.Connect(b.Context()); err != nil {
		b.Fatal(err)
	}
	octets := bytes.NewReader(content)
	m := &smtp.Message{Mail: smtp.Mail{From: messageFrom}, Recipients: smtp.To(messageTo), Content: octets, Canonical: w.form == canonical}
	if w.form == unknown {
		m.Content = struct{ io.Reader }{octets}
	}
	return func() error {
		octets.Reset(content)
		_, err := s.Send(b.Context(), m)
		return err
	}
}

// rawFlight is octets that go out by one write, and how many lines answer them.
type rawFlight struct {
	octets []byte
	lines  int
}

// rawFlights makes a message's flights, and returns the content within them: the
// same octets for raw and for ehlo, since what the kernel takes to copy them
// hangs on where in memory they are.
func rawFlights(w messageWork) (flights []rawFlight, content []byte) {
	content = messageContent(w.octets)
	envelope := "MAIL FROM:<" + messageFrom + ">\r\nRCPT TO:<" + messageTo + ">\r\n"
	before, after, separate := fmt.Sprintf("BDAT %d LAST\r\n", len(content)), "", true
	switch {
	case !w.chunked:
		envelope += "DATA\r\n"
		before, after = "", ".\r\n"
	case w.flight == session.Full:
		before, separate = envelope+before, false
	}
	whole := append(append([]byte(before), content...), after...)
	content = whole[len(before) : len(whole)-len(after)]
	if !separate {
		return []rawFlight{{whole, 3}}, content
	}
	return []rawFlight{{[]byte(envelope), strings.Count(envelope, "\n")}, {whole, 1}}, content
}

// rawMessenger is a connection and flights that were made before. It looks at
// nothing but the first digit of what is answered.
func rawMessenger(b *testing.B, sink messageSink, w messageWork, flights []rawFlight) messenger {
	b.Helper()
	c, err := sink.dial(w.tls)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	in := make([]byte, 2048)
	exchange := func(f rawFlight) error {
		if _, err := c.Write(f.octets); err != nil {
			return err
		}
		for lines := 0; lines < f.lines; {
			n, err := c.Read(in)
			if err != nil {
				return err
			}
			if in[0] != '2' && in[0] != '3' {
				return fmt.Errorf("raw: %q", in[:n])
			}
			lines += bytes.Count(in[:n], []byte{'\n'})
		}
		return nil
	}
	for _, f := range []rawFlight{{nil, 1}, {[]byte("EHLO client.test\r\n"), strings.Count(sinkHello, "\n")}} {
		if err := exchange(f); err != nil {
			b.Fatal(err)
		}
	}
	return func() error {
		for _, f := range flights {
			if err := exchange(f); err != nil {
				return err
			}
		}
		return nil
	}
}

// messageSinkEnv makes TestMessageSink the server of BenchmarkMessage.
const messageSinkEnv = "EHLO_TEST_MESSAGE_SINK"

// messageSink is a server in a process of its own that takes every message and
// keeps none.
type messageSink struct {
	plain, secure int // ports
	roots         *x509.CertPool
}

func startMessageSink(b *testing.B) (s messageSink) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestMessageSink$")
	cmd.Env = append(os.Environ(), messageSinkEnv+"=1")
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
	var encoded string
	if _, err := fmt.Fscan(stdout, &s.plain, &s.secure, &encoded); err != nil {
		b.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		b.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		b.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(cert)
	return s
}

// dial connects raw.
func (s messageSink) dial(secure bool) (net.Conn, error) {
	if !secure {
		return net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.plain))
	}
	// Full records from the first one on.
	return tls.Dial("tcp", fmt.Sprint("127.0.0.1:", s.secure), &tls.Config{RootCAs: s.roots, DynamicRecordSizingDisabled: true})
}

// TestMessageSink is no test but the server of BenchmarkMessage, where that asks
// for it. It serves until its standard input ends.
func TestMessageSink(t *testing.T) {
	if os.Getenv(messageSinkEnv) == "" {
		return
	}
	authority, err := smtptest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate(smtptest.CertOptions{Names: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for _, cfg := range []*tls.Config{nil, {Certificates: []tls.Certificate{cert}}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		fmt.Fprintln(&said, l.Addr().(*net.TCPAddr).Port)
		if cfg != nil {
			l = tls.NewListener(l, cfg)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					_ = sinkMessages(c) // the client has left, or says what went wrong
				}()
			}
		}()
	}
	fmt.Fprintln(&said, base64.StdEncoding.EncodeToString(cert.Certificate[0]))
	_, _ = io.WriteString(os.Stdout, said.String())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

const sinkHello = "250-sink.test\r\n250-PIPELINING\r\n250-SIZE 0\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n"

// sinkMessages serves one connection. It answers what has come before it waits
// for more.
func sinkMessages(c net.Conn) error {
	in := bufio.NewReaderSize(c, 256<<10)
	out := []byte("220 sink.test ESMTP\r\n")
	for {
		if in.Buffered() == 0 {
			if _, err := c.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		verb, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		switch verb {
		case "EHLO":
			out = append(out, sinkHello...)
		case "MAIL":
			out = append(out, "250 2.1.0 Ok\r\n"...)
		case "RCPT":
			out = append(out, "250 2.1.5 Ok\r\n"...)
		case "DATA":
			out = append(out, "354 End data with <CR><LF>.<CR><LF>\r\n"...)
			if _, err := c.Write(out); err != nil {
				return err
			}
			if err := discardData(in); err != nil {
				return err
			}
			out = append(out[:0], "250 2.0.0 Ok: queued as 4bXJ2k1w8qz9\r\n"...)
		case "BDAT":
			size, last, _ := strings.Cut(rest, " ")
			n, err := strconv.Atoi(size)
			if err != nil {
				return err
			}
			if _, err := in.Discard(n); err != nil {
				return err
			}
			if last == "LAST" {
				out = append(out, "250 2.0.0 Ok: queued as 4bXJ2k1w8qz9\r\n"...)
			} else {
				out = append(out, "250 2.0.0 Ok\r\n"...)
			}
		case "QUIT":
			_, err := c.Write(append(out, "221 2.0.0 Bye\r\n"...))
			return err
		default:
			out = append(out, "502 5.5.1 not known\r\n"...)
		}
	}
}

// discardData reads to the lone dot, behind which nothing may travel: so it is
// what the octets end with that have come.
func discardData(in *bufio.Reader) error {
	end := []byte("\r\n.\r\n")
	tail := []byte("\r\n") // of DATA
	for !bytes.Equal(tail, end) {
		if _, err := in.Peek(1); err != nil {
			return err
		}
		here, _ := in.Peek(in.Buffered())
		tail = append(tail, here[max(0, len(here)-len(end)):]...)
		tail = bytes.Clone(tail[max(0, len(tail)-len(end)):])
		if _, err := in.Discard(len(here)); err != nil {
			return err
		}
	}
	return nil
}
