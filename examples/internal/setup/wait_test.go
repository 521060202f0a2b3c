package setup

import (
	"bufio"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/smtptest"
)

// What was said before the wait is not held back by it, what comes after is.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := smtptest.NewMemoryServer(smtptest.Config{On: map[string]smtptest.Step{
			"NOOP": smtptest.Then(smtptest.Usual(), Wait(3*time.Second)),
		}})
		began := time.Now()
		c, err := srv.DialContext(t.Context(), "tcp", srv.Addr())
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(c)
		_, _ = io.WriteString(c, "HELO client.example\r\nNOOP\r\nQUIT\r\n") // so replies wait for others
		for _, want := range []struct {
			code  string
			after time.Duration
		}{{"220", 0}, {"250", 0}, {"250", 0}, {"221", 3 * time.Second}} {
			if !lines.Scan() || lines.Text()[:3] != want.code || time.Since(began) != want.after {
				t.Errorf("%q after %v, want %v", lines.Text(), time.Since(began), want)
			}
		}
		_ = c.Close()
		_ = srv.Close()
	})
}

// A slow step takes its time, and gives up with the connection.
func TestWait_GivesUpWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took atomic.Int64
		s := smtptest.NewMemoryServer(smtptest.Config{Script: func(c *smtptest.Conn) {
			began := time.Now()
			Wait(time.Minute)(c)
			took.Store(int64(time.Since(began)))
		}})
		for _, end := range []time.Duration{2 * time.Minute, 10 * time.Second} {
			conn, err := s.DialContext(t.Context(), "tcp", "")
			if err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(end, s.CloseConns)
			_, _ = conn.Read(make([]byte, 1))
			synctest.Wait()
			timer.Stop()
			if got := time.Duration(took.Load()); got != min(end, time.Minute) {
				t.Errorf("%v, closed after %v", got, end)
			}
			_ = conn.Close()
		}
		_ = s.Close()
	})
}
