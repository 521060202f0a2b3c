package session

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// taking is what reaches a server that takes the content by hand, from a pipe of
// 1024 octets.
func taking(t testing.TB, keyword string, content func(in io.Reader, size int, say func(string))) Config {
	return Config{HostName: "192.0.2.1", LocalName: "client.test", Options: Extended, Dialer: dialFunc(func(context.Context, string, string) (net.Conn, error) {
		client, server := smtptest.Pipe(1024)
		t.Cleanup(func() { _ = server.Close() })
		say := func(reply string) { _, _ = io.WriteString(server, reply+"\r\n") }
		go func() {
			say("220 hi")
			in := bufio.NewReaderSize(server, 16)
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
				switch verb {
				case "EHLO":
					say("250-hello\r\n250 " + keyword)
				case "DATA":
					say("354 go")
					content(in, -1, say)
				case "BDAT":
					n, _ := strconv.Atoi(strings.TrimSuffix(rest, " LAST"))
					content(in, n, say)
				default:
					say("250 ok")
				}
			}
		}()
		return client, nil
	})}
}

// slowly reads 64 KiB at a time, after a rest each.
func slowly(in io.Reader, size int, rest time.Duration) {
	block := make([]byte, 64<<10)
	for n := 0; size < 0 || n < size; {
		<-time.After(rest)
		want := len(block)
		if size >= 0 {
			want = min(want, size-n)
		}
		m, err := io.ReadFull(in, block[:want])
		if n += m; err != nil {
			return
		}
	}
}

// MinRate is an average over the whole of the content, however many writes it
// takes: what a slow server has eaten of the grace is gone.
func TestSend_MinRateIsAnAverageOverTheContent(t *testing.T) {
	for rest, is := range map[time.Duration]error{2 * time.Second: smtp.ErrTimeout, 900 * time.Millisecond: nil} {
		for from, content := range contents(strings.Repeat("line\r\n", 4<<20/6)) {
			bubble(t, fmt.Sprint(rest, "/", from), func(t *testing.T) {
				config := taking(t, "CHUNKING", func(in io.Reader, size int, say func(string)) {
					slowly(in, size, rest)
					say("250 ok")
				})
				config.MinRate = 64 << 10
				s := linked(t, config)
				m := to("a@example.net")
				m.Content = content()
				begun := time.Now()
				r, err := s.Send(t.Context(), m)
				if took := time.Since(begun); !errors.Is(err, is) || is != nil && (took < 55*time.Second || took > 65*time.Second) {
					t.Errorf("after %v: %v, %v", took, r, err)
				}
				_ = s.Close()
				<-time.After(time.Minute) // the server sees it
			})
		}
	}
}

// A long write tells how far it is.
func TestSend_OneLongWriteTellsItsProgress(t *testing.T) {
	whole := bytes.Repeat([]byte("line\r\n"), 4<<20/6)
	for _, keyword := range []string{"CHUNKING", "8BITMIME"} {
		bubble(t, keyword, func(t *testing.T) {
			s, evs := connected(t, taking(t, keyword, func(in io.Reader, size int, say func(string)) {
				if size < 0 {
					size = len(whole) + len(endOfData)
				}
				slowly(in, size, 200*time.Millisecond)
				say("250 ok")
			}))
			m := to("a@example.net")
			m.Content = bytes.NewReader(whole)
			if r, err := s.Send(t.Context(), m); err != nil || r.Octets != int64(len(whole)) {
				t.Errorf("%v, %v", r, err)
			}
			_ = s.Close()
			last, times := int64(0), 0
			for _, e := range evs() {
				if e, ok := e.(events.OnProgress); ok {
					if e.Octets < last || e.Octets > int64(len(whole)) {
						t.Errorf("%d octets after %d of %d", e.Octets, last, len(whole))
					}
					last = e.Octets
					times++
				}
			}
			if times < 50 || last != int64(len(whole)) {
				t.Errorf("%d times, and %d octets at last", times, last)
			}
		})
	}
}

// What the server says in the middle of the content is its answer to it, by DATA
// and by BDAT, for content that goes as it is and for other: H15. It need not be
// sent to the end.
func TestSend_H15_AnAnswerInTheMiddleOfTheContent(t *testing.T) {
	for _, keyword := range []string{"CHUNKING", "8BITMIME"} {
		for newline, text := range map[string]string{"CRLF": "twenty octets a line\r\n", "LF": "twenty octets a line\n"} {
			t.Run(keyword+"/"+newline, func(t *testing.T) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				served := make(chan struct{})
				go func() {
					defer close(served)
					c, err := l.Accept()
					if err != nil {
						return
					}
					defer c.Close()
					in := bufio.NewReader(c)
					fmt.Fprint(c, "220 hi\r\n")
					for {
						line, err := in.ReadString('\n')
						switch {
						case err != nil:
							return
						case strings.HasPrefix(line, "EHLO"):
							fmt.Fprintf(c, "250-x\r\n250 %s\r\n", keyword)
						case strings.HasPrefix(line, "DATA"):
							fmt.Fprint(c, "354 go\r\n")
							fallthrough
						case strings.HasPrefix(line, "BDAT"):
							_, _ = io.CopyN(io.Discard, in, 200_000)
							fmt.Fprint(c, "552 5.3.4 too big\r\n")
							_, _ = io.Copy(io.Discard, in)
							return
						default:
							fmt.Fprint(c, "250 ok\r\n")
						}
					}
				}()
				s := linked(t, Config{HostAddress: "127.0.0.1", RemotePort: l.Addr().(*net.TCPAddr).Port, LocalName: "client.test", Options: Extended})
				m := to("a@example.net")
				whole := strings.Repeat(text, 2_000_000)
				m.Content = strings.NewReader(whole)
				if newline == "CRLF" {
					m.Content = bytes.NewReader([]byte(whole))
				}
				r, err := s.Send(t.Context(), m)
				if r.Outcome != smtp.Rejected || smtp.Code(err) != 552 || smtp.SafeToRetry(err) || r.Octets == 0 || r.Octets >= int64(len(whole)) {
					t.Errorf("%v, %v: %d octets of %d", r, err, r.Octets, len(whole))
				}
				<-s.Done()
				<-served
			})
		}
	}
}

// A server that takes a refused BDAT LAST for no end of the transaction refuses
// one message more, for now, and has the next after RSET.
func TestSend_H28_AServerThatKeepsARefusedBDATOpen(t *testing.T) {
	for _, flight := range []Flight{Envelope, Full, Single} {
		var kept []string
		contents := 0
		srv := memory(t, smtptest.Config{Script: func(c *smtptest.Conn) {
			c.Write("220 x\r\n")
			var recipients []string
			open := false
			for {
				line, err := c.ReadLine()
				if err != nil {
					return
				}
				switch verb, _, _ := strings.Cut(line, " "); {
				case verb == "EHLO":
					c.Write("250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
				case verb == "MAIL" && open:
					c.Write("503 5.5.1 nested\r\n")
				case verb == "RCPT" && !open:
					c.Write("503 5.5.1 no MAIL\r\n")
				case verb == "BDAT":
					if _, err := c.ReadContent(); err != nil {
						return
					}
					if contents++; contents == 1 {
						c.Write("452 4.3.1 for now\r\n")
						continue
					}
					kept = append(kept, recipients...)
					open, recipients = false, nil
					c.Write("250 kept\r\n")
				default:
					switch verb {
					case "RSET":
						open, recipients = false, nil
					case "MAIL":
						open = true
					case "RCPT":
						recipients = append(recipients, line)
					}
					c.Write("250 ok\r\n")
				}
			}
		}})
		config := reach(srv, Extended)
		config.Dialer, config.Flight = srv, flight
		s := linked(t, config)
		for n, want := range []smtp.Outcome{smtp.Rejected, smtp.Rejected, smtp.Accepted} {
			if s.State().String() != "ready" {
				<-s.Done()
				if err := s.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			r, err := s.Send(t.Context(), to(fmt.Sprintf("r%d@example.net", n)))
			if r.Outcome != want || err != nil && !smtp.SafeToRetry(err) {
				t.Errorf("%v, message %d: %v, %v; %q", flight, n, r, err, srv.Commands())
			}
		}
		_ = s.Close()
		<-s.Done()
		allClosed(t, srv)
		if fmt.Sprint(kept) != "[RCPT TO:<r2@example.net>]" {
			t.Errorf("%v: kept for %q", flight, kept)
		}
	}
}

// A receipt does not hold all that a server says of a thousand recipients.
func TestSend_Invariant_7_AReceiptIsBounded(t *testing.T) {
	long := strings.Repeat("550-"+strings.Repeat("x", 1000)+"\r\n", 60) + "550 no\r\n"
	s, _, _ := offering(t, Envelope, map[string]smtptest.Step{"RCPT": smtptest.SayRaw(long)})
	r, _ := s.Send(t.Context(), to("a@example.net", "b@example.net"))
	for _, to := range r.Recipients {
		if len(to.Reply.Text) > maxKept || len(asError(to.Err).Reply.Text) > maxKept || to.Reply.Code != 550 {
			t.Errorf("%d octets", len(to.Reply.Text))
		}
	}
}

// A reader that ends its goroutine ends the message, and not the session's
// patience.
func TestSend_H27_AReaderThatEndsItsGoroutine(t *testing.T) {
	for offered, keywords := range keywordSets() {
		s, srv, evs := offering(t, Envelope, nil, keywords...)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			m := to("a@example.net")
			m.Content = &broken{1_000_000, func() (int, error) { runtime.Goexit(); return 0, nil }}
			_, _ = s.Send(t.Context(), m)
		}()
		<-gone
		var fate *smtp.Receipt
		_ = s.Disconnect(t.Context())
		for _, e := range evs() {
			if e, ok := e.(events.OnMessage); ok {
				fate = e.Receipt
			}
		}
		if fate == nil || fate.Outcome != smtp.NotSent || len(srv.Messages()) != 0 {
			t.Errorf("%s: %v", offered, fate)
		}
	}
}

// Disconnect while a transaction is open ends it and is no error, whatever the
// content goes by.
func TestDisconnect_WithATransactionOpen(t *testing.T) {
	for offered, keywords := range keywordSets() {
		s, srv, _ := offering(t, Envelope, nil, keywords...)
		tx := begin(t, s)
		if err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: "a@example.net"}); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Write(manyLines); err != nil {
			t.Fatal(err)
		}
		if err := s.Disconnect(t.Context()); err != nil || !errors.Is(s.Err(), smtp.ErrClosed) {
			t.Errorf("%s: %v, %v", offered, err, s.Err())
		}
		if r, err := tx.Commit(t.Context()); r.Outcome != smtp.NotSent || err == nil || len(srv.Messages()) != 0 {
			t.Errorf("%s: %v, %v", offered, r, err)
		}
	}
}

// line is a connection that rests before it writes what begins with a verb, and
// tells of a reset.
type line struct {
	net.Conn
	slow  string
	reset chan struct{}
}

func (c *line) Write(p []byte) (int, error) {
	if c.slow != "" && bytes.HasPrefix(p, []byte(c.slow)) {
		<-time.After(time.Minute)
	}
	return c.Conn.Write(p)
}

// SetLinger is asked for where the end must not be an orderly one.
func (c *line) SetLinger(int) error {
	c.reset <- struct{}{}
	return nil
}

// on makes the connections of a configuration lines.
func on(config Config, slow string) (Config, chan struct{}) {
	dialer, reset := config.Dialer, make(chan struct{}, 10)
	config.Dialer = dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		return &line{c, slow, reset}, err
	})
	return config, reset
}

// MinRate is that of the content: a server that takes its time for the envelope
// has that of Block.
func TestSend_MinRateIsNotThatOfTheEnvelope(t *testing.T) {
	for _, keyword := range []string{"PIPELINING", "8BITMIME"} {
		bubble(t, keyword, func(t *testing.T) {
			srv := memory(t, smtptest.Config{Keywords: []string{keyword}})
			config := reach(srv, Extended)
			config.Dialer, config.MinRate = srv, 1<<20
			config, _ = on(config, "MAIL")
			if r, err := linked(t, config).Send(t.Context(), to("a@example.net")); err != nil {
				t.Errorf("%v, %v", r, err)
			}
		})
	}
}

// In the middle of the content the connection is reset: an orderly end might pass
// for that of the content.
func TestSend_H27_AConnectionTornInTheContentIsReset(t *testing.T) {
	for name, c := range map[string]struct {
		keywords string
		flight   Flight
		content  io.Reader
		resets   int
		counted  bool // of what goes as it is, how much the kernel has taken is known
	}{
		"DATA":           {"8BITMIME", Envelope, strings.NewReader(string(manyLines)), 1, true},
		"DATA, a reader": {"8BITMIME", Envelope, io.MultiReader(bytes.NewReader(manyLines)), 1, false},
		"BDAT":           {"CHUNKING", Envelope, bytes.NewReader(manyLines), 1, true},
		"BDAT in a Full": {"PIPELINING\r\n250-CHUNKING", Full, bytes.NewReader(manyLines[:firstBlock]), 1, false},
		"between two":    {"8BITMIME", Envelope, &broken{firstBlock + 1, func() (int, error) { return 0, errMine }}, 1, true},
		"before any":     {"8BITMIME", Envelope, &broken{1, func() (int, error) { return 0, errMine }}, 0, false},
	} {
		bubble(t, name, func(t *testing.T) {
			config := stuck(t, c.keywords)
			if name == "between two" {
				config = taking(t, c.keywords, func(in io.Reader, _ int, _ func(string)) { _, _ = io.Copy(io.Discard, in) })
			}
			config, reset := on(config, "")
			config.Flight = c.flight
			s := linked(t, config)
			m := to("a@example.net")
			m.Content = c.content
			r, err := s.Send(t.Context(), m)
			if r.Outcome != smtp.NotSent || err == nil || r.Octets >= int64(len(manyLines)) || c.counted != (r.Octets > 0) {
				t.Errorf("%v, %v: %d octets", r, err, r.Octets)
			}
			_ = s.Close()
			<-s.Done()
			if len(reset) != c.resets {
				t.Errorf("%d resets, want %d", len(reset), c.resets)
			}
		})
	}
}

// A file whose octets change, and not their number, is another content that the
// chunk was not announced for: it ends in no message, and soon.
func TestSend_H27_AFileThatBecomesLongerOrShorter(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"longer": {"line\r\n", "line\n\n"}, "shorter": {"line\n\n", "line\r\n"},
	} {
		path := filepath.Join(t.TempDir(), "message")
		if err := os.WriteFile(path, bytes.Repeat([]byte(c.before), 100_000), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{"RCPT": func(c2 *smtptest.Conn) {
			if err := os.WriteFile(path, bytes.Repeat([]byte(c.after), 100_000), 0o600); err != nil {
				t.Error(err)
			}
			smtptest.Usual()(c2)
		}}, "CHUNKING")
		m := to("a@example.net")
		m.Content = file
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		r, err := s.Send(ctx, m)
		cancel()
		if r.Outcome != smtp.NotSent || !errors.Is(err, smtp.ErrContent) || len(srv.Messages()) != 0 {
			t.Errorf("%s: %v, %v", name, r, err)
		}
		<-s.Done()
		checkLife(t, evs())
		_ = file.Close()
	}
}

// How much of a file has left is told also where the connection is lost.
func TestSend_HowMuchOfAFileHasLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "message")
	const size = 32 << 20
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	srv := loopback(t, smtptest.Config{Keywords: []string{"CHUNKING"}, On: map[string]smtptest.Step{"BDAT": func(c *smtptest.Conn) {
		_, _ = io.CopyN(io.Discard, c.NetConn(), 200_000)
		smtptest.Reset()(c)
	}}})
	m := to("a@example.net")
	m.Content, m.Canonical = file, true
	r, err := linked(t, reach(srv, Extended)).Send(t.Context(), m)
	if r.Outcome != smtp.NotSent || !errors.Is(err, smtp.ErrLost) || r.Octets < 100_000 || r.Octets >= size {
		t.Errorf("%v, %v: %d octets", r, err, r.Octets)
	}
}

// What is neither 354 nor a refusal is no leave to send, and what is neither 2yz
// nor a refusal is no answer to a chunk.
func TestSend_H12_AContinuationThatIsNone(t *testing.T) {
	for _, c := range []struct {
		verb, reply, keyword string
		outcome              smtp.Outcome
		is                   error
	}{
		{"DATA", "334 go", "8BITMIME", smtp.NotSent, smtp.ErrProtocol},
		{"DATA", "250 ok", "8BITMIME", smtp.NotSent, smtp.ErrProtocol},
		{"DATA", "334 go", "PIPELINING", smtp.NotSent, smtp.ErrProtocol},
		{"DATA", "354 go\r\n552 5.3.4 no", "8BITMIME", smtp.Rejected, nil},
		{"MAIL", "354 go", "8BITMIME", smtp.NotSent, smtp.ErrProtocol},
		{"RCPT", "354 go", "8BITMIME", smtp.NotSent, smtp.ErrProtocol},
		{"BDAT", "354 go", "CHUNKING", smtp.NotSent, smtp.ErrProtocol},
		{"BDAT", "334 go", "CHUNKING", smtp.NotSent, smtp.ErrProtocol},
	} {
		s, srv, evs := offering(t, Envelope, map[string]smtptest.Step{c.verb: smtptest.SayRaw(c.reply + "\r\n")}, c.keyword)
		m := to("a@example.net")
		m.Content = io.MultiReader(bytes.NewReader(manyLines))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		r, err := s.Send(ctx, m)
		cancel()
		if r.Outcome != c.outcome || c.outcome == smtp.Rejected && r.Reply.Code != 552 || c.outcome != smtp.Rejected && !errors.Is(err, c.is) || said(srv, c.verb) != 1 {
			t.Errorf("%s, %s: %v, %v", c.keyword, c.reply, r, err)
		}
		if t.Failed() {
			_ = s.Close()
		}
		<-s.Done()
		checkLife(t, evs())
	}
}
