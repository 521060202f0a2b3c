package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// ends are what a server may do to an idle session, and what must come of it.
var ends = []struct {
	name string
	do   func(*link)
	kind smtp.Kind
	code int
}{
	{"FIN", (*link).fin, smtp.KindLost, 0},
	{"FIN without close_notify", (*link).cutFIN, smtp.KindLost, 0},
	{"RST", (*link).rst, smtp.KindLost, 0},
	{"421", func(l *link) { l.say("421 4.3.2 going\r\n") }, smtp.KindReply, 421},
	{"451", func(l *link) { l.say("451-too\r\n451 busy\r\n") }, smtp.KindReply, 451},
	{"554", func(l *link) { l.say("554 no\r\n") }, smtp.KindReply, 554},
	{"421 and FIN", func(l *link) { l.say("421 going\r\n"); l.fin() }, smtp.KindReply, 421},
	{"a reply to no command", func(l *link) { l.say("250 ok\r\n") }, smtp.KindProtocol, 250},
	{"garbage", func(l *link) { l.say("hello\r\n") }, smtp.KindProtocol, 0},
	{"two records", func(l *link) { l.say("421 go"); l.say("ing\r\n") }, smtp.KindReply, 421},
	{"a long goodbye", func(l *link) {
		for i := range 20 {
			l.say("421-" + strconv.Itoa(i) + " a line of a goodbye that is longer than the stash and the buffer of a connection, in sum\r\n")
		}
		l.say("421 now\r\n")
	}, smtp.KindReply, 421},
}

func wantEnd(t *testing.T, l *link, kind smtp.Kind, code int) {
	t.Helper()
	err := l.conn.ReadUnsolicited(patience)
	wantKind(t, err, kind)
	if err.Reply.Code != code {
		t.Fatalf("reply %v, want %d", err.Reply, code)
	}
	if err.Permanent != (code/100 == 5) {
		t.Fatalf("permanent: %v for %v", err.Permanent, err)
	}
}

func TestPark_H22_SeesTheServersEndBeforeIt(t *testing.T) {
	for _, v := range variants {
		for _, end := range ends {
			t.Run(v.name+"/"+end.name, func(t *testing.T) {
				l := connect(t, v)
				l.exchange()
				end.do(l)
				l.arrived()
				if !within(t, "Park", l.park()) {
					t.Fatal("Park wants the mailbox to be looked at")
				}
				wantEnd(t, l, end.kind, end.code)
			})
		}
	}
}

func TestPark_H22_SeesTheServersEndWhileParking(t *testing.T) {
	for _, v := range variants {
		for _, end := range ends {
			t.Run(v.name+"/"+end.name, func(t *testing.T) {
				for range 20 {
					l := connect(t, v)
					l.exchange()
					done := inBackground(func() struct{} { end.do(l); return struct{}{} })
					if !within(t, "Park", l.park()) {
						t.Fatal("Park wants the mailbox to be looked at")
					}
					within(t, "the server", done)
					wantEnd(t, l, end.kind, end.code)
				}
			})
		}
	}
}

func TestPark_H22_SeesTheServersEndAfterIt(t *testing.T) {
	for _, v := range variants {
		for _, end := range ends {
			t.Run(v.name+"/"+end.name, func(t *testing.T) {
				l := connect(t, v)
				l.exchange()
				parked := l.park()
				l.untilParked()
				end.do(l)
				if !within(t, "Park", parked) {
					t.Fatal("Park wants the mailbox to be looked at")
				}
				wantEnd(t, l, end.kind, end.code)
			})
		}
	}
}

// What comes in the segment of the last reply is in no socket any more.
func TestPark_H22_SeesWhatCameWithTheLastReply(t *testing.T) {
	cases := []struct {
		name string
		do   func(*link)
		kind smtp.Kind
		code int
	}{
		{"421 in the same record", func(l *link) { l.say("250 ok\r\n421 going\r\n") }, smtp.KindReply, 421},
		{"421 in the next record", func(l *link) { l.say("250 ok\r\n"); l.say("421 going\r\n") }, smtp.KindReply, 421},
		{"half a 421, the rest in the next record", func(l *link) { l.say("250 ok\r\n421 go"); l.say("ing\r\n") }, smtp.KindReply, 421},
		{"451 and the end", func(l *link) { l.say("250 ok\r\n"); l.say("451 busy\r\n"); l.fin() }, smtp.KindReply, 451},
		{"the end", func(l *link) { l.say("250 ok\r\n"); l.fin() }, smtp.KindLost, 0},
		{"the end without close_notify", func(l *link) { l.say("250 ok\r\n"); l.cutFIN() }, smtp.KindLost, 0},
		{"close_notify alone", func(l *link) { l.say("250 ok\r\n"); l.closeNotify() }, smtp.KindLost, 0},
		{"a reply too many", func(l *link) { l.say("250 ok\r\n"); l.say("250 ok\r\n") }, smtp.KindProtocol, 250},
	}
	for _, v := range variants {
		for _, c := range cases {
			t.Run(v.name+"/"+c.name, func(t *testing.T) {
				l := connect(t, v)
				l.exchange()
				l.batch.hold()
				c.do(l)
				l.batch.flush()
				if r, err := l.conn.ReadReply(patience, true); err != nil || r.Code != 250 {
					t.Fatal(r, err)
				}
				if !within(t, "Park", l.park()) {
					t.Fatal("Park wants the mailbox to be looked at")
				}
				wantEnd(t, l, c.kind, c.code)
			})
		}
	}
}

func TestPark_PostBeforeWhileAndAfter(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			l := connect(t, v)
			l.exchange()
			for range 200 {
				if l.conn.Park(func() bool { return false }) { // before: work is there already
					t.Fatal("before: the server spoke?")
				}
				l.exchange()

				mail := 0
				empty := func() bool { return mail == 0 }
				posted := inBackground(func() struct{} { // while
					l.mu.Lock()
					defer l.mu.Unlock()
					mail++
					l.conn.Wake()
					return struct{}{}
				})
				if within(t, "Park while posting", inBackground(func() bool { return l.conn.Park(empty) })) {
					t.Fatal("while: the server spoke?")
				}
				within(t, "post", posted)
				l.exchange()

				parked := l.park() // after
				l.untilParked()
				l.wake()
				if within(t, "Park after", parked) {
					t.Fatal("after: the server spoke?")
				}
				l.exchange() // no stray timeout: the past deadline is gone
			}
		})
	}
}

func TestPark_WakeWithoutAParkDoesNothing(t *testing.T) {
	for _, v := range variants {
		l := connect(t, v)
		l.wake()
		l.exchange()
		parked := l.park()
		l.untilParked()
		l.wake()
		l.wake()
		within(t, "Park", parked)
		l.wake()
		l.exchange()
	}
}

func TestPark_CutBeforeWhileAndAfter(t *testing.T) {
	for _, v := range variants {
		for _, when := range []string{"before", "while", "after"} {
			t.Run(v.name+"/"+when, func(t *testing.T) {
				for range 20 {
					l := connect(t, v)
					l.exchange()
					var parked <-chan bool
					switch when {
					case "before":
						l.cut()
						parked = l.park()
					case "while":
						parked = l.park()
						l.cut()
					case "after":
						parked = l.park()
						l.untilParked()
						l.cut()
					}
					begun := time.Now()
					if within(t, "Park", parked) {
						t.Fatal("Park says that the server spoke")
					}
					if d := time.Since(begun); d > 5*time.Second {
						t.Errorf("it took %v", d)
					}
					wantKind(t, l.conn.WriteLine("NOOP", patience), smtp.KindCanceled)
					wantKind(t, l.conn.ReadUnsolicited(patience), smtp.KindCanceled)
					if l.conn.Park(resting) {
						t.Fatal("a cut connection parks")
					}
				}
			})
		}
	}
}

func TestPark_CutAndTheServersEndTogether(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			for i := range 50 {
				l := connect(t, v)
				l.exchange()
				parked := l.park()
				l.untilParked()
				done := inBackground(func() struct{} { l.fin(); return struct{}{} })
				if i%2 == 0 {
					l.cut()
				}
				heard := within(t, "Park", parked)
				if !heard && i%2 == 1 {
					t.Fatal("the end was not heard")
				}
				if e := l.conn.ReadUnsolicited(patience); e.Kind != smtp.KindCanceled && e.Kind != smtp.KindLost {
					t.Fatal(e)
				}
				within(t, "the server", done)
			}
		})
	}
}

// looks counts the calls of resting: one more than how often Park found nothing
// for us on a readable socket.
type looks struct{ n int }

func (k *looks) resting() bool { k.n++; return true }

func (l *link) untilLooked(k *looks, n int) {
	l.t.Helper()
	until(l.t, "Park looked "+strconv.Itoa(n)+" times", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return k.n >= n
	})
}

func TestPark_TicketsAloneAreNothing(t *testing.T) {
	for _, hide := range []bool{false, true} {
		t.Run(variant{hidden: hide}.label(), func(t *testing.T) {
			l := open(t, variant{hidden: hide})
			l.tls = tls.Server(ticketsHeld{l.batch}, testCert().lateTickets())
			shaken := inBackground(l.tls.Handshake)
			cfg := testCert().client()
			if _, err := l.conn.Handshake(cfg, false, patience); err != nil {
				t.Fatal(err)
			}
			if err := within(t, "handshake", shaken); err != nil {
				t.Fatal(err)
			}
			if v := l.conn.TLS().ConnectionState().Version; v != tls.VersionTLS13 {
				t.Fatalf("version %x", v)
			}
			if len(l.batch.buf) == 0 {
				t.Fatal("the server sent no ticket, this test proves nothing")
			}
			var k looks
			parked := inBackground(func() bool { return l.conn.Park(k.resting) })
			l.untilParked()
			l.batch.flush()
			l.untilLooked(&k, 2)
			l.untilParked()
			l.mu.Lock()
			if l.conn.buf != nil {
				t.Error("parked with a buffer")
			}
			l.mu.Unlock()
			l.say("421 bye\r\n")
			if !within(t, "Park", parked) {
				t.Fatal("the 421 behind the ticket was not heard")
			}
			wantEnd(t, l, smtp.KindReply, 421)
		})
	}
}

func (v variant) label() string {
	if v.hidden {
		return "stash"
	}
	return "peek"
}

// ticketsHeld holds back what the server writes after its first flight.
type ticketsHeld struct{ *batch }

func (h ticketsHeld) Read(p []byte) (int, error) {
	n, err := h.batch.Read(p)
	if n > 0 && h.written() {
		h.hold()
	}
	return n, err
}

func TestPark_HalfARecordIsNothingYet(t *testing.T) {
	for _, v := range variants {
		if !v.tls {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			l := connect(t, v)
			l.exchange()
			l.batch.hold()
			l.say("421 bye\r\n")
			record := l.batch.buf
			l.batch.buf = nil
			var k looks
			parked := inBackground(func() bool { return l.conn.Park(k.resting) })
			for i := range record {
				l.untilLooked(&k, i+1)
				l.untilParked()
				l.raw.Write(record[i : i+1])
			}
			if !within(t, "Park", parked) {
				t.Fatal("not heard")
			}
			wantEnd(t, l, smtp.KindReply, 421)
		})
	}
}

func TestPark_WakeBetweenTwoHalvesOfARecord(t *testing.T) {
	for _, v := range variants {
		if !v.tls {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			l := connect(t, v)
			l.exchange()
			l.batch.hold()
			l.say("250 late\r\n")
			record := l.batch.buf
			l.batch.buf = nil
			l.batch.flush()
			var k looks
			parked := inBackground(func() bool { return l.conn.Park(k.resting) })
			l.untilParked()
			l.raw.Write(record[:9])
			l.untilLooked(&k, 2)
			l.untilParked()
			l.wake()
			if within(t, "Park", parked) {
				t.Fatal("half a record ended Park")
			}
			l.raw.Write(record[9:])
			if r, err := l.conn.ReadReply(patience, true); err != nil || r.Text != "late" {
				t.Fatal(r, err)
			}
			l.exchange()
		})
	}
}

func TestPark_KeyUpdateIsAnsweredAndNothingElse(t *testing.T) {
	for _, v := range variants {
		if !v.tls {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			l := open(t, v)
			server := l.handshakeByHand()
			var k looks
			parked := inBackground(func() bool { return l.conn.Park(k.resting) })
			l.untilParked()
			server.keyUpdate()
			l.untilLooked(&k, 2)
			l.untilParked()
			l.wake()
			if within(t, "Park", parked) {
				t.Fatal("a KeyUpdate ended Park")
			}
			// The answer to the KeyUpdate came, or the server could not read this.
			if err := l.conn.WriteLine("NOOP", patience); err != nil {
				t.Fatal(err)
			}
			l.want("NOOP")
			server.say("250 under new keys\r\n")
			if r, err := l.conn.ReadReply(patience, true); err != nil || r.Text != "under new keys" {
				t.Fatal(r, err)
			}
			// In the segment of the last reply.
			l.batch.hold()
			server.say("250 ok\r\n")
			server.keyUpdate()
			l.batch.flush()
			if r, err := l.conn.ReadReply(patience, true); err != nil || r.Code != 250 {
				t.Fatal(r, err)
			}
			parked = l.park()
			l.untilParked()
			server.say("421 bye\r\n")
			if !within(t, "Park", parked) {
				t.Fatal("the 421 was not heard")
			}
			wantEnd(t, l, smtp.KindReply, 421)
		})
	}
}

// A server that asks for new keys and does not read cannot hold a session that
// is parked: the answer has a time limit.
func TestPark_AnswerToKeyUpdateHasATimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, 16<<10)
		server := p.handshakeByHand()
		p.client.SetWriteDeadline(time.Now().Add(time.Second))
		p.client.Write(make([]byte, 64<<10)) // fills the window
		looked := make(chan time.Time, 9)
		parked := inBackground(func() bool {
			return p.conn.Park(func() bool { looked <- time.Now(); return true })
		})
		<-looked
		synctest.Wait()
		server.keyUpdate()
		begun := time.Now()
		if d := (<-looked).Sub(begun); d != time.Minute {
			t.Errorf("parked again after %v, want 1m0s", d)
		}
		synctest.Wait()
		p.wake()
		if <-parked {
			t.Error("a lost answer is nothing that the server said")
		}
		wantKind(t, p.conn.WriteLine("NOOP", time.Second), smtp.KindTimeout)
	})
}

func TestPark_HoldsNoBufferAndNoDeadline(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			l := connect(t, v)
			spy := spyOn(l.conn)
			l.exchange()
			parked := l.park()
			l.untilParked()
			l.mu.Lock()
			if l.conn.buf != nil {
				t.Error("parked with a buffer")
			}
			if !spy.read.IsZero() || !spy.write.IsZero() {
				t.Errorf("parked with deadlines %v, %v", spy.read, spy.write)
			}
			l.mu.Unlock()
			l.wake()
			within(t, "Park", parked)
		})
	}
}

// deadlines remembers the last ones set. The lock of the Conn guards it.
type deadlines struct {
	net.Conn
	read, write time.Time
	times       int // that both were set
}

func spyOn(c *Conn) *deadlines {
	d := &deadlines{Conn: c.sock.Conn}
	c.sock.Conn = d
	return d
}

func (d *deadlines) SetDeadline(t time.Time) error {
	d.read, d.write = t, t
	d.times++
	return d.Conn.SetDeadline(t)
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = t
	return d.Conn.SetReadDeadline(t)
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.write = t
	return d.Conn.SetWriteDeadline(t)
}

func TestPark_OfAClosedConnectionEnds(t *testing.T) {
	for _, v := range variants {
		l := connect(t, v)
		l.conn.Close()
		if !within(t, "Park", l.park()) {
			t.Fatal("closed and quiet")
		}
		wantKind(t, l.conn.ReadUnsolicited(patience), smtp.KindLost)
	}
}

func TestPark_ReadThatReturnsNothingIsAnEnd(t *testing.T) {
	l := open(t, variants[2])
	l.conn.sock.Conn = readFunc{l.socket, func([]byte) (int, error) { return 0, nil }}
	if !within(t, "Park", l.park()) {
		t.Fatal("it goes on")
	}
	if e := wantKind(t, l.conn.ReadUnsolicited(patience), smtp.KindLost); !errors.Is(e, io.ErrNoProgress) {
		t.Fatal(e)
	}
}

// readFunc replaces the Read of a connection.
type readFunc struct {
	net.Conn
	read func([]byte) (int, error)
}

func (r readFunc) Read(p []byte) (int, error) { return r.read(p) }

// Keep-alive that finds the peer dead ends the session and is no timeout of
// ours; a deadline with a type of its own is one.
func TestPark_TellsADeadPeerFromAWake(t *testing.T) {
	dead := &net.OpError{Op: "read", Err: syscall.ETIMEDOUT}
	l := open(t, variants[2])
	l.conn.sock.Conn = readFunc{l.socket, func([]byte) (int, error) { return 0, dead }}
	if !l.conn.Park(resting) {
		t.Fatal("a dead peer looks like a wake")
	}
	wantKind(t, l.conn.ReadUnsolicited(patience), smtp.KindLost)

	l = open(t, variants[2])
	l.conn.sock.Conn = readFunc{l.socket, func([]byte) (int, error) { return 0, ownTimeout{} }}
	if l.conn.Park(resting) {
		t.Fatal("a passed deadline ends the session")
	}
}

type ownTimeout struct{}

func (ownTimeout) Error() string   { return "own timeout" }
func (ownTimeout) Timeout() bool   { return true }
func (ownTimeout) Temporary() bool { return true }

func TestReadUnsolicited_HalfALineHasItsTimeLimit(t *testing.T) {
	for _, tail := range []time.Duration{0, time.Second} { // silence; an octet a second
		for _, overTLS := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				p := piped(t, 0)
				if overTLS {
					p.handshake(testCert().server())
				}
				parked := p.park()
				synctest.Wait()
				wait(time.Hour) // no limit to rest
				begun := time.Now()
				p.say("421 by")
				if !<-parked {
					t.Fatal("half a line is something")
				}
				stop := make(chan struct{})
				trickled := inBackground(func() struct{} {
					for tail > 0 {
						select {
						case <-time.After(tail):
							p.say("y")
						case <-stop:
							return struct{}{}
						}
					}
					return struct{}{}
				})
				err := p.conn.ReadUnsolicited(time.Minute)
				close(stop)
				<-trickled
				wantKind(t, err, smtp.KindTimeout)
				if d := time.Since(begun); d != time.Minute {
					t.Errorf("after %v, want 1m0s", d)
				}
			})
		}
	}
}

func TestReadUnsolicited_GoodbyeAnOctetAtATime(t *testing.T) {
	for _, overTLS := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := piped(t, 0)
			if overTLS {
				p.handshake(testCert().server())
			}
			parked := p.park()
			synctest.Wait()
			said := inBackground(func() struct{} {
				for _, c := range "421-4.3.2 good\r\n421 4.3.2 bye\r\n" {
					wait(time.Second)
					p.say(string(c))
				}
				return struct{}{}
			})
			if !<-parked {
				t.Fatal("not heard")
			}
			err := p.conn.ReadUnsolicited(time.Minute)
			<-said
			if wantKind(t, err, smtp.KindReply); err.Reply.Text != "4.3.2 good\n4.3.2 bye" || err.Reply.Enhanced.String() != "4.3.2" {
				t.Fatalf("%+v", err.Reply)
			}
		})
	}
}

func TestReadUnsolicited_EndInsideALineIsNoGoodbye(t *testing.T) {
	for _, v := range variants {
		l := connect(t, v)
		l.say("421 by")
		l.fin()
		if !within(t, "Park", l.park()) {
			t.Fatal("not heard")
		}
		if e := wantKind(t, l.conn.ReadUnsolicited(patience), smtp.KindLost); !errors.Is(e, io.ErrUnexpectedEOF) {
			t.Fatal(e)
		}
	}
}

func TestQuiet_SeesWhatWaits(t *testing.T) {
	for _, v := range variants {
		for _, end := range ends {
			t.Run(v.name+"/"+end.name, func(t *testing.T) {
				l := connect(t, v)
				l.exchange()
				if !l.conn.Quiet() {
					t.Fatal("not quiet at first")
				}
				parked := l.park()
				l.untilParked()
				l.wake() // leaves a past deadline
				within(t, "Park", parked)
				end.do(l)
				l.arrived()
				quiet := l.conn.Quiet()
				if l.conn.peek == nil {
					if !quiet {
						t.Fatal("it cannot look and says that it saw")
					}
					return
				}
				if quiet {
					t.Fatal("it did not see")
				}
				wantEnd(t, l, end.kind, end.code)
			})
		}
	}
}

func TestQuiet_SeesWhatCameWithTheLastReply(t *testing.T) {
	for _, v := range variants {
		l := connect(t, v)
		l.batch.hold()
		l.say("250 ok\r\n")
		l.say("421 bye\r\n")
		l.batch.flush()
		if r, err := l.conn.ReadReply(patience, true); err != nil || r.Code != 250 {
			t.Fatal(r, err)
		}
		if l.conn.Quiet() {
			t.Fatal(v.name)
		}
		wantEnd(t, l, smtp.KindReply, 421)
	}
}

func TestQuiet_TicketsAreQuiet(t *testing.T) {
	l := open(t, variants[1])
	l.handshake(testCert().lateTickets())
	l.arrived() // the ticket
	if !l.conn.Quiet() {
		t.Fatal("a ticket is not quiet")
	}
	l.exchange()
}

func TestQuiet_OnACutConnectionLeavesTheWordToTheWrite(t *testing.T) {
	l := connect(t, variants[0])
	l.say("421 bye\r\n")
	l.arrived()
	l.cut()
	if !l.conn.Quiet() {
		t.Fatal("it read from a cut connection")
	}
	wantKind(t, l.conn.WriteLine("NOOP", 0), smtp.KindCanceled)
}

func TestDrain_LooksAtWhatIsHereAndNoFurther(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			l := connect(t, v)
			l.exchange()
			for range 2 {
				if !l.conn.Drain() {
					t.Fatal("something is held")
				}
			}
			l.say("250 ok\r\n")
			l.arrived()
			if !l.conn.Drain() {
				t.Fatal("it looked at the socket")
			}
			if r, err := l.conn.ReadReply(patience, true); err != nil || r.Code != 250 {
				t.Fatal(r, err)
			}
			l.batch.hold()
			l.say("250 ok\r\n")
			l.say("421 bye\r\n")
			l.batch.flush()
			if _, err := l.conn.ReadReply(patience, true); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if l.conn.Drain() {
					t.Fatal("the 421 was not seen")
				}
			}
			wantEnd(t, l, smtp.KindReply, 421)
		})
	}
}

// What TLS holds after the handshake is not what clear text held before it.
func TestDrain_BeforeAHandshakeSaysNothingOfTLS(t *testing.T) {
	l := open(t, variants[1])
	l.say("220 go\r\n")
	if _, err := l.conn.ReadReply(patience, true); err != nil {
		t.Fatal(err)
	}
	if !l.conn.Drain() {
		t.Fatal("something is held")
	}
	l.handshake(testCert().server())
	if l.conn.drained {
		t.Fatal("drained before the first read of TLS")
	}
}

// pipe is a link in memory, for synctest.
type pipe struct {
	*link
	server *smtptest.PipeConn
	client *smtptest.PipeConn
}

func piped(t *testing.T, size int) *pipe {
	t.Helper()
	client, server := smtptest.Pipe(size)
	p := &pipe{link: &link{t: t}, server: server, client: client}
	p.batch = &batch{Conn: server}
	p.conn = NewConn(client, &p.mu, time.Minute)
	t.Cleanup(func() { client.Close(); server.Close() })
	return p
}
