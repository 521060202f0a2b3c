package transport

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// counted remembers how many octets each write has.
type counted struct {
	net.Conn
	mu     sync.Mutex
	writes []int
}

func (c *counted) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writes = append(c.writes, len(p))
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// numbered are pieces of these lengths, of octets that tell where they belong.
func numbered(lengths ...int) (pieces [][]byte, whole []byte) {
	for _, n := range lengths {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte((len(whole) + i) % 251)
		}
		pieces = append(pieces, p)
		whole = append(whole, p...)
	}
	return pieces, whole
}

func TestWritePieces_ArriveInOrderHoweverTheyAreCut(t *testing.T) {
	for _, lengths := range [][]int{
		{}, {0}, {5}, {5, 0, 7}, {maxWrite}, {maxWrite + 1}, {3 * maxWrite}, {10, maxWrite, 10}, {10, 5*maxWrite + 3, 10}, {maxWrite / 2, maxWrite / 2, 1}, {1, maxWrite},
	} {
		for _, overTLS := range []bool{false, true} {
			t.Run(fmt.Sprint(lengths, overTLS), func(t *testing.T) {
				client, server := sockets(t)
				var lock sync.Mutex
				c := NewConn(client, &lock, 0)
				var in io.Reader = server
				if overTLS {
					secured := tls.Server(server, testCert().server())
					shaken := inBackground(secured.Handshake)
					if _, err := c.Handshake(testCert().client(), false, time.Minute); err != nil {
						t.Fatal(err)
					}
					if err := within(t, "the handshake", shaken); err != nil {
						t.Fatal(err)
					}
					in = secured
				}
				pieces, whole := numbered(lengths...)
				got := inBackground(func() []byte {
					b := make([]byte, len(whole))
					_, _ = io.ReadFull(in, b)
					return b
				})
				n, err := c.WritePieces(pieces, &Pace{Block: time.Minute})
				if err != nil || n != int64(len(whole)) {
					t.Errorf("%d octets, %v", n, err)
				}
				if !bytes.Equal(within(t, "the octets", got), whole) {
					t.Error("other octets arrived")
				}
				_ = c.Close()
			})
		}
	}
}

// Within TLS pieces share records; no write has more than a deadline covers.
func TestWritePieces_FewRecords(t *testing.T) {
	client, server := smtptest.Pipe(1 << 20)
	conn := &counted{Conn: client}
	var lock sync.Mutex
	c := NewConn(conn, &lock, 0)
	secured := tls.Server(server, testCert().server())
	shaken := inBackground(secured.Handshake)
	cfg := TLSPolicy{Base: testCert().client()}.Config()
	if _, err := c.Handshake(cfg, false, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := within(t, "the handshake", shaken); err != nil {
		t.Fatal(err)
	}
	conn.writes = nil
	pieces, _ := numbered(100, 9000, 3, 200)
	if _, err := c.WritePieces(pieces, &Pace{}); err != nil {
		t.Fatal(err)
	}
	if len(conn.writes) != 1 {
		t.Errorf("writes of %v octets, want one", conn.writes)
	}
	_, _ = client.Close(), server.Close()
}

// The time for a block begins anew with each: a server that takes 64 KiB in less
// is never given up, however long the whole lasts; one that stops is.
func TestWritePieces_TheDeadlineMovesWithTheBlocks(t *testing.T) {
	for name, c := range map[string]struct {
		pace  Pace
		every time.Duration // for 64 KiB
		stop  int           // after so many blocks the server reads no more
		after time.Duration // when it fails; 0: it does not
	}{
		"slow, and in time":    {Pace{Block: 3 * time.Minute}, 2 * time.Minute, 100, 0},
		"too slow":             {Pace{Block: time.Minute}, 2 * time.Minute, 100, time.Minute},
		"stops":                {Pace{Block: 3 * time.Minute}, time.Minute, 5, 8 * time.Minute},
		"no limit":             {Pace{}, time.Hour, 100, 0},
		"below the least rate": {Pace{Block: time.Hour, Rate: 64 << 10}, 2 * time.Second, 100, time.Second},
		"above the least rate": {Pace{Rate: 16 << 10}, 2 * time.Second, 100, 0},
		"eats up its credit":   {Pace{Rate: 64 << 10, Credit: 9500 * time.Millisecond}, 2 * time.Second, 100, 19500 * time.Millisecond},
		"within its credit":    {Pace{Rate: 64 << 10, Credit: 21 * time.Second}, 2 * time.Second, 100, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := smtptest.Pipe(1024)
				var lock sync.Mutex
				conn := NewConn(client, &lock, 0)
				done := inBackground(func() struct{} {
					b := make([]byte, maxWrite)
					for range min(c.stop, 20) {
						wait(c.every)
						if _, err := io.ReadFull(server, b); err != nil {
							return struct{}{}
						}
					}
					return struct{}{}
				})
				pieces, _ := numbered(20 * maxWrite)
				begun := time.Now()
				n, err := conn.WritePieces(pieces, &c.pace)
				took := time.Since(begun)
				if c.after == 0 {
					if err != nil || n != 20*maxWrite {
						t.Errorf("%d octets, %v after %v", n, err, took)
					}
				} else {
					wantKind(t, err, smtp.KindTimeout)
					if took != c.after || n >= 20*maxWrite {
						t.Errorf("%d octets, after %v, want %v", n, took, c.after)
					}
				}
				_, _ = client.Close(), server.Close()
				<-done
			})
		})
	}
}

// A buffer that others will use holds nothing of what was written.
func TestGiveBack_KeepsNoOctets(t *testing.T) {
	kept := append(make([]byte, 0, maxWrite), "content"...)
	giveBack(&kept, len(kept))
	if len(kept) != 0 || !bytes.Equal(kept[:7], make([]byte, 7)) {
		t.Errorf("%q", kept[:7])
	}
}
