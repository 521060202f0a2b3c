package inmemory

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/ehlo-go/ehlo/session"
	ehlo "github.com/ehlo-go/ehlo/smtp"
)

func dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := Dialer{}.DialContext(t.Context(), "tcp", "192.0.2.25:25")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConn_ServesEhlo(t *testing.T) {
	s, err := session.New(session.Config{HostAddress: "192.0.2.25", Options: session.Extended, Dialer: Dialer{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		receipt, err := s.Send(t.Context(), &ehlo.Message{Recipients: ehlo.To("to@mx.test"), Content: strings.NewReader("a: b\r\n\r\nc\r\n")})
		if err != nil || !receipt.Chunked || receipt.QueueID == "" {
			t.Fatal(receipt, err)
		}
	}
	if err := s.Disconnect(t.Context()); err != nil {
		t.Error(err)
	}
	<-s.Done()
}

// Another client, so that ehlo's ideas are not the measure of the server.
func TestConn_ServesGoSMTP(t *testing.T) {
	c := smtp.NewClient(dial(t))
	if err := c.Hello("client.test"); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail("a@client.test", nil); err != nil {
		t.Error(err)
	}
	if err := c.Rcpt("b@mx.test", nil); err != nil {
		t.Error(err)
	}
	if err := c.Noop(); err == nil {
		t.Error("NOOP is known")
	}
	if err := c.Quit(); err != nil {
		t.Error(err)
	}
}

// What ehlo's parking needs: a Read that waits is woken by a past deadline, and one
// that has a deadline ends at it.
func TestRead_EndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t)
		defer c.Close()
		b := make([]byte, 100)
		if n, err := c.Read(b); err != nil || !strings.HasPrefix(string(b[:n]), "220 ") {
			t.Fatal(n, err)
		}
		begun := time.Now()
		_ = c.SetReadDeadline(begun.Add(time.Minute))
		if _, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != time.Minute {
			t.Error(err, time.Since(begun))
		}
		_ = c.SetReadDeadline(time.Time{})
		woken := make(chan error)
		go func() {
			_, err := c.Read(b)
			woken <- err
		}()
		synctest.Wait()
		_ = c.SetReadDeadline(time.Unix(1, 0))
		if err := <-woken; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestRead_EndsWithQUITAndWithClose(t *testing.T) {
	c := dial(t)
	if _, err := io.WriteString(c, "NO"+"OP\r\nQU"); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(c, "IT\r\n"); err != nil {
		t.Error(err)
	}
	all, err := io.ReadAll(c)
	if want := "220 memory.test ESMTP\r\n502 5.5.1 not known\r\n221 2.0.0 Bye\r\n"; string(all) != want || err != nil {
		t.Errorf("%q, %v", all, err)
	}
	_ = c.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
