package smtptest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestPipe_CarriesBothWays(t *testing.T) {
	client, server := Pipe(0)
	defer client.Close()
	defer server.Close()
	for _, c := range []struct{ from, to net.Conn }{{client, server}, {server, client}} {
		if n, err := c.from.Write([]byte("hello")); n != 5 || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
		buf := make([]byte, 10)
		if n, err := c.to.Read(buf); string(buf[:n]) != "hello" || err != nil {
			t.Fatalf("Read = %q, %v", buf[:n], err)
		}
	}
	if client.LocalAddr() != server.RemoteAddr() || client.RemoteAddr() != server.LocalAddr() {
		t.Error("the ends do not agree on their addresses")
	}
}

func TestPipe_ReadEndsWhereAWriteEnded(t *testing.T) {
	client, server := Pipe(0)
	defer client.Close()
	defer server.Close()
	for _, s := range []string{"one", "", "three"} {
		io.WriteString(client, s)
	}
	buf := make([]byte, 100)
	for _, want := range []string{"one", "three"} {
		if n, err := server.Read(buf); string(buf[:n]) != want || err != nil {
			t.Fatalf("Read = %q, %v, want %q", buf[:n], err, want)
		}
	}
	io.WriteString(client, "long")
	for _, want := range []string{"lon", "g"} {
		if n, err := server.Read(buf[:3]); string(buf[:n]) != want || err != nil {
			t.Fatalf("Read = %q, %v, want %q", buf[:n], err, want)
		}
	}
}

func TestPipe_FullWindowBlocksTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe(4)
		defer client.Close()
		defer server.Close()
		done := make(chan error, 1)
		go func() {
			_, err := io.WriteString(client, "0123456789")
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("ten octets fit into a pipe of four: %v", err)
		default:
		}
		buf := make([]byte, 10)
		if _, err := io.ReadFull(server, buf); err != nil || string(buf) != "0123456789" {
			t.Fatalf("read %q, %v", buf, err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestPipe_WritesAreNotMixed(t *testing.T) {
	client, server := Pipe(3)
	var wg sync.WaitGroup
	for _, letter := range []string{"a", "b", "c", "d"} {
		wg.Go(func() { client.Write(bytes.Repeat([]byte(letter), 100)) })
	}
	buf := make([]byte, 400)
	if _, err := io.ReadFull(server, buf); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 400; i += 100 {
		if !bytes.Equal(buf[i:i+100], bytes.Repeat(buf[i:i+1], 100)) {
			t.Fatalf("mixed: %q", buf[i:i+100])
		}
	}
	wg.Wait()
	client.Close()
	server.Close()
}

func TestPipe_DeadlineEndsABlockedCall(t *testing.T) {
	for name, block := range map[string]func(*PipeConn) error{
		"read": func(p *PipeConn) error {
			p.SetReadDeadline(time.Now().Add(time.Minute))
			_, err := p.Read(make([]byte, 1))
			return err
		},
		"write": func(p *PipeConn) error {
			p.SetWriteDeadline(time.Now().Add(time.Minute))
			n, err := p.Write(make([]byte, 10))
			if n != 4 {
				t.Errorf("Write = %d, want the 4 that fitted", n)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := Pipe(4)
				defer client.Close()
				defer server.Close()
				start := time.Now()
				err := block(client)
				if took := time.Since(start); took != time.Minute {
					t.Errorf("took %v", took)
				}
				var timeout net.Error
				if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestPipe_PastDeadlineWakesAndFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe(0)
		defer client.Close()
		defer server.Close()
		done := make(chan error)
		go func() {
			_, err := client.Read(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		client.SetDeadline(time.Unix(1, 0))
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("blocked read: %v", err)
		}
		io.WriteString(server, "x")
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read of what is there: %v", err)
		}
		if _, err := client.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v", err)
		}
		client.SetDeadline(time.Time{})
		if _, err := client.Read(make([]byte, 1)); err != nil {
			t.Errorf("read without a deadline: %v", err)
		}
	})
}

func TestPipe_NewDeadlineReplacesTheOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe(0)
		defer client.Close()
		defer server.Close()
		start := time.Now()
		client.SetReadDeadline(start.Add(time.Second))
		client.SetReadDeadline(start.Add(time.Hour))
		client.Read(make([]byte, 1))
		if took := time.Since(start); took != time.Hour {
			t.Errorf("took %v, want 1h", took)
		}
	})
}

func TestPipe_CloseGivesTheOctetsThenEOF(t *testing.T) {
	client, server := Pipe(0)
	defer client.Close()
	io.WriteString(server, "last words")
	server.Close()
	if got, err := io.ReadAll(client); string(got) != "last words" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write to a closed end: %v", err)
	}
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("own read: %v", err)
	}
	if _, err := server.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("own write: %v", err)
	}
	if err := server.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	if err := server.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("deadline of a closed end: %v", err)
	}
}

func TestPipe_CloseWriteLeavesTheOtherWayOpen(t *testing.T) {
	client, server := Pipe(0)
	defer client.Close()
	defer server.Close()
	io.WriteString(server, "last words")
	if err := server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := server.CloseWrite(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second CloseWrite: %v", err)
	}
	if got, err := io.ReadAll(client); string(got) != "last words" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := io.WriteString(client, "answer"); err != nil {
		t.Errorf("write: %v", err)
	}
	client.Close()
	if got, err := io.ReadAll(server); string(got) != "answer" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := server.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("own write: %v", err)
	}
}

func TestPipe_ResetLosesWhatIsOnItsWay(t *testing.T) {
	client, server := Pipe(0)
	defer client.Close()
	io.WriteString(server, "lost words")
	server.Reset()
	_, err := client.Read(make([]byte, 1))
	var op *net.OpError
	if !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &op) || op.Op != "read" {
		t.Errorf("read: %v", err)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("write: %v", err)
	}
}

func TestPipe_EndWakesBlockedCalls(t *testing.T) {
	ends := map[string]func(own, other *PipeConn) error{
		"own close":   func(own, _ *PipeConn) error { own.Close(); return net.ErrClosed },
		"other reset": func(_, other *PipeConn) error { other.Reset(); return syscall.ECONNRESET },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				own, other := Pipe(1)
				defer own.Close()
				defer other.Close()
				errs := make(chan error, 2)
				go func() {
					_, err := own.Read(make([]byte, 1))
					errs <- err
				}()
				go func() {
					_, err := own.Write([]byte("xx"))
					errs <- err
				}()
				synctest.Wait()
				want := end(own, other)
				for range 2 {
					if err := <-errs; !errors.Is(err, want) {
						t.Errorf("error %v, want %v", err, want)
					}
				}
			})
		})
	}
}
