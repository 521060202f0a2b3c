package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// replies are whole ones and what they mean.
var replies = []struct{ wire, want string }{
	{"220 mx.example ESMTP\r\n", "220 mx.example ESMTP"},
	{"250-mx.example\r\n250-PIPELINING\r\n250 SIZE 0\r\n", "250 mx.example / PIPELINING / SIZE 0"},
	{"250\r\n", "250"},
	{"250-\n250 lf\n", "250  / lf"},
	{"354 go\r\n", "354 go"},
	{"421 4.3.2 bye\r\n", "421 4.3.2 bye"},
	{"550-no\r\n550 such user\r\n", "550 no / such user"},
	{"250 " + strings.Repeat("x", 1990) + "\r\n", ""},
	{strings.Repeat("250-"+strings.Repeat("y", 90)+"\r\n", 100) + "250 end\r\n", ""}, // over the buffer
}

// inPieces cuts octets by a rule of H13.
func inPieces(wire, rule string) []string {
	switch rule {
	case "per line":
		return strings.SplitAfter(wire, "\n")
	case "per octet":
		return strings.Split(wire, "")
	}
	return []string{wire}
}

func TestReadReply_H13_HoweverItIsCut(t *testing.T) {
	for _, overTLS := range []bool{false, true} {
		for _, rule := range []string{"whole", "per line", "per octet"} {
			synctest.Test(t, func(t *testing.T) {
				p := piped(t, 0)
				if overTLS {
					p.handshake(testCert().server())
				}
				said := inBackground(func() struct{} {
					for _, r := range replies {
						for _, piece := range inPieces(r.wire, rule) {
							p.say(piece)
						}
					}
					return struct{}{}
				})
				for _, r := range replies {
					got, err := p.conn.ReadReply(time.Hour, false)
					var whole smtp.Parser
					whole.Feed([]byte(r.wire))
					if err != nil || got != whole.Reply(false) || r.want != "" && got.String() != r.want {
						t.Fatalf("%s: got %.80q, %v; want %.80q", rule, got, err, r.want)
					}
				}
				<-said
				if n := p.conn.Buffered(); n != 0 {
					t.Errorf("%d octets left", n)
				}
			})
		}
	}
}

func TestReadReply_TwoRepliesInOneAreTwo(t *testing.T) {
	for _, v := range variants {
		l := connect(t, v)
		l.say("250 one\r\n250 two\r\n")
		for i, want := range []string{"250 one", "250 two"} {
			r, err := l.conn.ReadReply(patience, true)
			if err != nil || r.String() != want {
				t.Fatal(r, err)
			}
			if n := l.conn.Buffered(); n != 9*(1-i) {
				t.Errorf("%d octets buffered after %s", n, want)
			}
		}
	}
}

func TestReadReply_EnhancedCodesOnlyWhereTheyMayBe(t *testing.T) {
	l := connect(t, variants[0])
	l.say("550 5.1.1 no\r\n550 5.1.1 no\r\n")
	with, err := l.conn.ReadReply(patience, true)
	if err != nil || with.Enhanced.String() != "5.1.1" {
		t.Error(with, err)
	}
	without, err := l.conn.ReadReply(patience, false)
	if err != nil || !without.Enhanced.IsZero() {
		t.Error(without, err)
	}
}

func TestReadReply_H11_CutAfterEachOctet(t *testing.T) {
	const wire = "250-mx.example\r\n250 SIZE\r\n"
	for _, overTLS := range []bool{false, true} {
		for n := range wire {
			synctest.Test(t, func(t *testing.T) {
				p := piped(t, 0)
				if overTLS {
					p.handshake(testCert().server())
				}
				if n > 0 {
					p.say(wire[:n])
				}
				p.server.CloseWrite()
				r, err := p.conn.ReadReply(time.Minute, true)
				e := wantKind(t, err, smtp.KindLost)
				want := io.EOF
				if n > 0 {
					want = io.ErrUnexpectedEOF
				}
				if !errors.Is(e, want) || !r.IsZero() {
					t.Errorf("after %d octets: reply %v, %v", n, r, e)
				}
			})
		}
	}
}

func TestReadReply_BrokenProtocol(t *testing.T) {
	cases := []struct {
		wire string
		code int // of the refusal that is kept
	}{
		{"hello\r\n", 0}, {"150 x\r\n", 0}, {"2x0 x\r\n", 0}, {"\r\n", 0}, {"\x15\x03\x01\x00\x02\x02\x46", 0},
		{"250-one\r\n251 two\r\n", 0}, {"220-teaser\r\n521 no\r\n", 521}, {"220 " + strings.Repeat("x", 3000), 0},
		{strings.Repeat("220-x\r\n", 20000), 0},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			p := piped(t, 1<<20)
			p.say(c.wire)
			_, err := p.conn.ReadReply(time.Minute, false)
			if e := wantKind(t, err, smtp.KindProtocol); e.Reply.Code != c.code {
				t.Errorf("%.20q: %v", c.wire, e)
			}
		})
	}
}

// times plays a server that speaks after waits, and returns when ReadReply
// gave up.
func times(t *testing.T, limit, line time.Duration, says func(say func(after time.Duration, octets string))) (took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, 0)
		p.conn.line = line
		stop := make(chan struct{})
		said := inBackground(func() struct{} {
			says(func(after time.Duration, octets string) {
				select {
				case <-time.After(after):
					p.say(octets)
				case <-stop:
				}
			})
			return struct{}{}
		})
		begun := time.Now()
		_, err = p.conn.ReadReply(limit, true)
		took = time.Since(begun)
		close(stop)
		<-said
	})
	return took, err
}

func TestReadReply_C9_Limits(t *testing.T) {
	const forever = 1 << 12
	type say = func(time.Duration, string)
	cases := []struct {
		name        string
		limit, line time.Duration
		says        func(say)
		took        time.Duration // 0: the reply comes
	}{
		{"silence", 5 * time.Minute, time.Minute, func(say) {}, 5 * time.Minute},
		{"a trickle of octets does not extend it", 5 * time.Minute, time.Minute, func(s say) {
			s(0, "250 ")
			for range forever {
				s(time.Second, "x")
			}
		}, 5 * time.Minute},
		{"a trickle of lines does not extend it", 5 * time.Minute, time.Minute, func(s say) {
			for range forever {
				s(10*time.Second, "250-x\r\n")
			}
		}, 5 * time.Minute},
		{"silence after a line", 5 * time.Minute, time.Minute, func(s say) { s(30*time.Second, "250-x\r\n") }, 90 * time.Second},
		{"a trickle in a continuation line", 5 * time.Minute, time.Minute, func(s say) {
			s(30*time.Second, "250-x\r\n")
			s(time.Second, "250-")
			for range forever {
				s(time.Second, "x")
			}
		}, 90 * time.Second},
		{"silence after two lines in one", 5 * time.Minute, time.Minute, func(s say) { s(30*time.Second, "250-x\r\n250-y\r\n25") }, 90 * time.Second},
		{"the limit of the reply comes first", 5 * time.Minute, time.Minute, func(s say) { s(270*time.Second, "250-x\r\n") }, 5 * time.Minute},
		{"the first line may take longer than a line", 5 * time.Minute, time.Minute, func(s say) { s(4*time.Minute, "250 x\r\n") }, 0},
		{"each line anew", 5 * time.Minute, time.Minute, func(s say) {
			for range 4 {
				s(59*time.Second, "250-x\r\n")
			}
			s(59*time.Second, "250 x\r\n")
		}, 0},
		{"no limit of lines", 5 * time.Minute, 0, func(s say) { s(time.Second, "250-x\r\n") }, 5 * time.Minute},
		{"no limit of the reply", 0, time.Minute, func(s say) { s(time.Hour, "250-x\r\n") }, time.Hour + time.Minute},
		{"no limit at all", 0, 0, func(s say) { s(time.Hour, "250-x\r\n"); s(24*time.Hour, "250 x\r\n") }, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			took, err := times(t, c.limit, c.line, c.says)
			if c.took == 0 {
				if err != nil {
					t.Errorf("%v after %v", err, took)
				}
				return
			}
			wantKind(t, err, smtp.KindTimeout)
			if took != c.took {
				t.Errorf("after %v, want %v", took, c.took)
			}
		})
	}
}

func TestCut_H25_InterruptsAReadAtOnce(t *testing.T) {
	for _, begun := range []string{"", "250-x\r\n25"} {
		synctest.Test(t, func(t *testing.T) {
			p := piped(t, 0)
			if begun != "" {
				p.say(begun)
			}
			time.AfterFunc(time.Second, p.cut)
			start := time.Now()
			_, err := p.conn.ReadReply(0, true)
			if e := wantKind(t, err, smtp.KindCanceled); e.Timeout() {
				t.Error("a cut is no timeout")
			}
			if d := time.Since(start); d != time.Second {
				t.Errorf("after %v", d)
			}
			p.refusesAll(t)
		})
	}
}

func TestCut_H25_InterruptsAWriteIntoAFullWindow(t *testing.T) {
	for _, overTLS := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := piped(t, 4096)
			if overTLS {
				p.handshake(testCert().server())
			}
			time.AfterFunc(time.Second, p.cut)
			start := time.Now()
			err := p.conn.WriteLine(strings.Repeat("x", 8192), 0)
			wantKind(t, err, smtp.KindCanceled)
			if d := time.Since(start); d != time.Second {
				t.Errorf("after %v", d)
			}
			p.refusesAll(t)
		})
	}
}

// refusesAll checks that a cut connection stays cut, whatever is tried.
func (p *pipe) refusesAll(t *testing.T) {
	t.Helper()
	p.say("250 late\r\n")
	wantKind(t, p.conn.WriteLine("NOOP", time.Hour), smtp.KindCanceled)
	p.conn.fail = nil
	_, err := p.conn.ReadReply(time.Hour, true)
	wantKind(t, err, smtp.KindCanceled)
	if p.conn.Park(resting) && p.conn.Buffered() == 0 {
		t.Error("it parks")
	}
	p.cut() // again: nothing
	if _, err := p.client.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the past deadline was overwritten: %v", err)
	}
}

func TestCut_LeavesWhatIsHereToBeRead(t *testing.T) {
	l := connect(t, variants[0])
	l.say("250 one\r\n250 two\r\n")
	if _, err := l.conn.ReadReply(patience, true); err != nil {
		t.Fatal(err)
	}
	l.cut()
	if r, err := l.conn.ReadReply(patience, true); err != nil || r.Text != "two" {
		t.Error(r, err)
	}
}

func TestWriteLine(t *testing.T) {
	for _, v := range variants {
		l := connect(t, v)
		for _, line := range []string{"EHLO client.example", "", strings.Repeat("x", 5000), "QUIT"} {
			if err := l.conn.WriteLine(line, patience); err != nil {
				t.Fatal(err)
			}
			l.want(line)
		}
	}
}

func TestWriteLine_OneWriteALine(t *testing.T) {
	client, server := smtptest.Pipe(0)
	defer client.Close()
	c := NewConn(client, new(sync.Mutex), 0)
	for _, line := range []string{"EHLO x", "NOOP"} {
		if err := c.WriteLine(line, patience); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 512)
		if n, err := server.Read(b); err != nil || string(b[:n]) != line+"\r\n" {
			t.Errorf("%q, %v", b[:n], err)
		}
	}
}

func TestWriteLine_HasATimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, 16)
		begun := time.Now()
		err := p.conn.WriteLine(strings.Repeat("x", 99), time.Minute)
		wantKind(t, err, smtp.KindTimeout)
		if d := time.Since(begun); d != time.Minute {
			t.Errorf("after %v", d)
		}
	})
}

func TestWriteLine_ToAServerThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, 0)
		p.server.Reset()
		wantKind(t, p.conn.WriteLine("NOOP", time.Minute), smtp.KindLost)
	})
}

// A KeyUpdate may come long after the last write: its answer must not meet the
// deadline of that write.
func TestReadReply_AnswersAKeyUpdateInItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, 0)
		server := p.handshakeByHand()
		if err := p.conn.WriteLine("NOOP", time.Minute); err != nil {
			t.Fatal(err)
		}
		said := inBackground(func() struct{} {
			wait(2 * time.Minute)
			server.keyUpdate()
			server.say("250 ok\r\n")
			return struct{}{}
		})
		if r, err := p.conn.ReadReply(5*time.Minute, true); err != nil || r.Code != 250 {
			t.Fatal(r, err)
		}
		<-said
		if err := p.conn.WriteLine("NOOP", time.Minute); err != nil {
			t.Error(err)
		}
	})
}

func TestClose_GivesTheBufferBack(t *testing.T) {
	l := connect(t, variants[0])
	l.exchange()
	if l.conn.buf == nil {
		t.Fatal("no buffer while it works")
	}
	if err := l.conn.Close(); err != nil {
		t.Error(err)
	}
	if l.conn.buf != nil || l.conn.Buffered() != 0 {
		t.Error("a buffer after Close")
	}
	l.lines.Reset(l.raw)
	if _, err := l.lines.ReadByte(); err != io.EOF {
		t.Errorf("the server sees %v", err)
	}
}

// Close does not wait for a full window, not even for TLS's goodbye.
func TestClose_IsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, 4096)
		p.handshake(testCert().server())
		p.client.SetWriteDeadline(time.Now().Add(time.Second))
		p.client.Write(make([]byte, 8192))
		begun := time.Now()
		p.conn.Close()
		if d := time.Since(begun); d != 0 {
			t.Errorf("after %v", d)
		}
	})
}

// Buffers are shared by all connections: nothing of one shows in another.
func TestBuffers_OfOneConnectionDoNotShowInAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			p := piped(t, 0)
			p.say("250-left\r\n250 over\r\n421 and more")
			if _, err := p.conn.ReadReply(time.Minute, true); err != nil {
				t.Fatal(err)
			}
			p.conn.Close()
			q := piped(t, 0)
			if q.conn.Buffered() != 0 {
				t.Fatal("octets of another connection")
			}
			q.say("220 new\r\n")
			if r, err := q.conn.ReadReply(time.Minute, false); err != nil || r.String() != "220 new" {
				t.Fatal(r, err)
			}
			q.conn.Close()
		}
	})
}

func TestNetConn_IsTheOneBelowTLS(t *testing.T) {
	l := connect(t, variants[1])
	if l.conn.NetConn() != net.Conn(l.socket) {
		t.Errorf("%T", l.conn.NetConn())
	}
	if l.conn.TLS() == nil || open(t, variants[0]).conn.TLS() != nil {
		t.Error("TLS")
	}
}

// The deadline of a command stands for its reply, where that is as far away; not one
// that Wake or Park has set.
func TestConn_ADeadlineThatStandsIsNotSetAgain(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			l := connect(t, v)
			spy := spyOn(l.conn)
			set := func(d time.Duration) (time.Time, int) {
				before := spy.times
				if err := l.conn.keep(in(d)); err != nil {
					t.Fatal(err)
				}
				return spy.read, spy.times - before
			}
			first, _ := set(time.Hour)
			again := time.Until(first) // hardly less than an hour
			if until, n := set(again + slack/2); n != 0 || until != first {
				t.Errorf("set %d times, to %v after %v", n, until, first)
			}
			if until, n := set(again + 2*slack); n != 1 || !until.After(first) {
				t.Errorf("a later one: set %d times, to %v after %v", n, until, first)
			}
			if until, n := set(time.Minute); n != 1 || !until.Before(first) {
				t.Errorf("an earlier one: set %d times, to %v", n, until)
			}
			if until, n := set(0); n != 1 || !until.IsZero() {
				t.Errorf("none: set %d times, to %v", n, until)
			}
			set(time.Minute)
			parked := l.park()
			l.untilParked()
			l.wake()
			within(t, "Park", parked)
			if until, n := set(time.Minute); n != 1 || time.Until(until) <= 0 {
				t.Errorf("after Wake: set %d times, to %v", n, until)
			}
		})
	}
}

// One deadline does for a command and its reply; a short limit is kept to the letter.
func TestConn_OneDeadlineForACommandAndItsReply(t *testing.T) {
	for limit, want := range map[time.Duration]int{time.Hour: 1, 10 * slack: 2} {
		l := connect(t, variants[0])
		spy := spyOn(l.conn)
		if _, err := l.raw.Write([]byte("250 ok\r\n")); err != nil {
			t.Fatal(err)
		}
		if err := l.conn.WriteLine("NOOP", limit); err != nil {
			t.Fatal(err)
		}
		if _, err := l.conn.ReadReply(limit, true); err != nil || spy.times != want {
			t.Errorf("with %v: set %d times, want %d; %v", limit, spy.times, want, err)
		}
	}
}
