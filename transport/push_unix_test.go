//go:build unix && !aix

package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// On a real socket too the deadline moves with what the kernel takes, and not
// without: each 64 KiB have theirs.
func TestPush_TheDeadlineMovesWithWhatTheKernelTakes(t *testing.T) {
	client, server := sockets(t)
	var lock sync.Mutex
	c := NewConn(client, &lock, 0)
	pieces, whole := numbered(30, 24<<20)
	var told int64
	pace := &Pace{Block: 300 * time.Millisecond, Moved: func(n int64) error { told += n; return nil }}
	written := inBackground(func() error {
		_, err := c.WritePieces(pieces, pace)
		if err != nil {
			_ = c.Close() // the server need not wait for more
		}
		return err
	})
	// The server takes a little every 20 ms, so that the whole lasts longer than one
	// Block.
	got := make([]byte, len(whole))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; n < len(got); <-tick.C {
		m, err := io.ReadFull(server, got[n:min(n+512<<10, len(got))])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if err := within(t, "the write", written); err != nil || told != int64(len(whole)) || !bytes.Equal(got, whole) {
		t.Errorf("%v, %d octets of %d", err, told, len(whole))
	}

	// It stops: the wait is that of one block.
	pieces = [][]byte{make([]byte, 64<<20)}
	stopped := time.Now()
	written = inBackground(func() error {
		_, err := c.WritePieces(pieces, &Pace{Block: 200 * time.Millisecond})
		return err
	})
	wantKind(t, within(t, "the write", written), smtp.KindTimeout)
	if took := time.Since(stopped); took < 200*time.Millisecond {
		t.Errorf("after %v", took)
	}
}

// Moved ends a write; what went before is counted.
func TestPush_MovedMayEndIt(t *testing.T) {
	enough := errors.New("enough")
	client, server := sockets(t)
	var lock sync.Mutex
	c := NewConn(client, &lock, 0)
	taken := inBackground(func() error { _, err := io.Copy(io.Discard, server); return err })
	whole := make([]byte, 64<<20)
	var told int64
	n, err := c.WritePieces([][]byte{whole}, &Pace{Moved: func(n int64) error {
		if told += n; told > 1<<20 {
			return enough
		}
		return nil
	}})
	if !errors.Is(err, enough) || n != told || n >= int64(len(whole)) {
		t.Errorf("%v after %d of %d octets, %d told", err, n, len(whole), told)
	}
	_ = c.Close()
	_ = within(t, "the server", taken)
}

// A cut ends a long write at once, whether the kernel takes more or not.
func TestPush_ACutEndsIt(t *testing.T) {
	for name, reads := range map[string]bool{"full window": false, "open window": true} {
		client, server := sockets(t)
		var lock sync.Mutex
		c := NewConn(client, &lock, 0)
		moved := make(chan struct{}, 1)
		pieces := [][]byte{make([]byte, 64<<20)}
		written := inBackground(func() error {
			for {
				_, err := c.WritePieces(append([][]byte(nil), pieces...), &Pace{Moved: func(int64) error {
					select {
					case moved <- struct{}{}:
					default:
					}
					return nil
				}})
				if err != nil {
					return err
				}
			}
		})
		var taken <-chan error
		if reads {
			taken = inBackground(func() error { _, err := io.Copy(io.Discard, server); return err })
		}
		within(t, name, moved)
		lock.Lock()
		c.Cut()
		lock.Unlock()
		wantKind(t, within(t, name, written), smtp.KindCanceled)
		_ = c.Close()
		if taken != nil {
			_ = within(t, name, taken)
		}
	}
}

// WriteFile sends a file from where it is, and says when it ends too early: on a
// socket of the system, and where it has to be read.
func TestWriteFile(t *testing.T) {
	_, whole := numbered(1_000_000)
	path := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from, n int64
		short   bool
	}{"whole": {0, 1_000_000, false}, "a part": {100, 500_000, false}, "nothing": {0, 0, false}, "too short": {0, 1_000_001, true}, "read": {0, 1_000_000, false}, "a part, read": {100, 500_000, false}} {
		socket, server := sockets(t)
		var client net.Conn = socket
		if strings.HasSuffix(name, "read") {
			client = struct{ net.Conn }{client}
		}
		var lock sync.Mutex
		conn := NewConn(client, &lock, 0)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got := inBackground(func() []byte { b, _ := io.ReadAll(server); return b })
		var told int64
		n, err := conn.WriteFile(f, c.from, c.n, &Pace{Block: time.Minute, Moved: func(n int64) error { told += n; return nil }})
		_ = conn.Close()
		if errors.Is(err, io.ErrUnexpectedEOF) != c.short || !c.short && (err != nil || n != c.n) || told != n {
			t.Errorf("%s: %d octets, %d told, %v", name, n, told, err)
		}
		if b := within(t, name, got); !bytes.Equal(b, whole[c.from:c.from+n]) {
			t.Errorf("%s: %d octets arrived, or others", name, len(b))
		}
		_ = f.Close()
	}
}
