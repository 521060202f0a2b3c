//go:build !race && unix && !aix

package session

import (
	"bufio"
	"bytes"
	"log/slog"
	"net"
	"strconv"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

// What one Send on a ready session allocates while nobody listens, not even a
// logger that has nothing enabled: the receipt and its recipients, and the text of
// the last reply. Not under the race detector, which makes sync.Pool forget.
func TestSend_AllocatesLittle(t *testing.T) {
	const most = 4
	content := bytes.Repeat([]byte("one line of a message like all the others\r\n"), 230)
	for _, c := range []struct {
		name   string
		flight Flight
		logger *slog.Logger
	}{{"envelope", Envelope, nil}, {"full", Full, nil}, {"logger", Envelope, slog.New(slog.DiscardHandler)}} {
		t.Run(c.name, func(t *testing.T) {
			s := linked(t, Config{HostAddress: "127.0.0.1", RemotePort: frugal(t), LocalName: "client.test",
				Options: Extended, Retry: Retry{MaxAttempts: 1}, Flight: c.flight, Logger: c.logger})
			octets := bytes.NewReader(nil)
			m := &smtp.Message{Mail: smtp.Mail{From: "sender@client.test"}, Recipients: smtp.To("recipient@mx.test"), Content: octets}
			got := testing.AllocsPerRun(500, func() {
				octets.Reset(content)
				if r, err := s.Send(t.Context(), m); err != nil || r.QueueID == "" || !r.Chunked {
					t.Fatal(r, err)
				}
			})
			t.Logf("%v allocations", got)
			if got > most {
				t.Errorf("%v allocations, want at most %d", got, most)
			}
		})
	}
}

// What a life costs beyond a dial and three replies: New, Connect and Disconnect beside
// a client that does nothing else, both with the same server.
func TestConnect_AllocatesLittle(t *testing.T) {
	const most = 36
	port := frugal(t)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	in := make([]byte, 1<<10)
	least := testing.AllocsPerRun(300, func() {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, line := range [][]byte{nil, []byte("EHLO client.test\r\n"), []byte("QUIT\r\n")} {
			if _, err := c.Write(line); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(in); err != nil {
				t.Fatal(err)
			}
		}
	})
	life := testing.AllocsPerRun(300, func() {
		s, err := New(Config{HostAddress: "127.0.0.1", RemotePort: port, LocalName: "client.test", Options: Extended, Retry: Retry{MaxAttempts: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Disconnect(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%v allocations, and %v with nothing but a dial and replies", life, least)
	if life-least > most {
		t.Errorf("%v allocations more than with nothing but a dial and replies, want at most %d", life-least, most)
	}
}

// frugal is a server that takes every message, of one connection after another, and
// allocates nothing while one is there, so that what is counted is the client's. It
// returns its port.
func frugal(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			takeAll(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}

// takeAll answers what has come before it waits for more, until the client
// leaves.
func takeAll(c net.Conn) {
	in := bufio.NewReaderSize(c, 64<<10)
	out := []byte("220 mx.test\r\n")
	for id := int64(4_000_000_000); ; id++ { // of the queue: no two messages are answered alike
		if in.Buffered() == 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if bytes.HasPrefix(line, []byte("EHLO")) {
			out = append(out, "250-mx.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 50000000\r\n250 CHUNKING\r\n"...)
			continue
		}
		size, ok := bytes.CutPrefix(line, []byte("BDAT "))
		if !ok {
			out = append(out, "250 2.1.0 Ok\r\n"...)
			continue
		}
		n := 0
		for _, digit := range size[:bytes.IndexByte(size, ' ')] { // LAST follows
			n = n*10 + int(digit-'0')
		}
		if _, err := in.Discard(n); err != nil {
			return
		}
		out = append(strconv.AppendInt(append(out, "250 2.0.0 Ok: queued as "...), id, 10), "\r\n"...)
	}
}
