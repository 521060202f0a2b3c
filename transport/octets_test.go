package transport

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Each way of writing counts, on a socket of the system and on another kind of
// connection.
func TestConn_CountsItsOctets(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<10) // more than one deadline covers
	name := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []bool{false, true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan int64, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				got <- -1
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "250 hello\r\n")
			n, _ := io.Copy(io.Discard, c)
			got <- n
		}()
		var nc net.Conn
		if nc, err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if foreign {
			nc = struct{ net.Conn }{nc}
		}
		c := NewConn(nc, new(sync.Mutex), 0)
		pace := &Pace{Block: time.Minute}
		if _, err := c.ReadReply(time.Minute, false); err != nil {
			t.Fatal(err)
		}
		if err := c.WriteLine("EHLO client.test", time.Minute); err != nil {
			t.Fatal(err)
		}
		for _, pieces := range [][][]byte{{content[:9]}, {content[:9], content[9:20]}, {content[:9], content}} {
			if _, err := c.WritePieces(pieces, pace); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteFile(f, 0, int64(len(content)), pace); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		_ = c.Close()
		_ = l.Close()
		want := <-got
		if written, read := c.Octets(); written != want || read != int64(len("250 hello\r\n")) {
			t.Errorf("foreign=%v: %d written and %d read, want %d and 11", foreign, written, read, want)
		}
	}
}
