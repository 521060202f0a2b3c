package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// fakeNet dials in virtual time. Each address does what its row says; one
// without a row is refused at once.
type fakeNet struct {
	t     *testing.T
	hosts map[string]fakeHost

	mu      sync.Mutex
	began   time.Time
	dialled []string // "250ms 192.0.2.1"
	flying  int
	open    int
}

type fakeHost struct {
	after time.Duration
	err   error
	deaf  bool // answers although its context has ended
}

var refused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

func (f *fakeNet) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ap := netip.MustParseAddrPort(address)
	f.mu.Lock()
	if f.began.IsZero() {
		f.began = time.Now()
	}
	f.dialled = append(f.dialled, fmt.Sprint(time.Since(f.began), " ", ap.Addr()))
	f.flying++
	host, ok := f.hosts[ap.Addr().String()]
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.flying--
		f.mu.Unlock()
	}()
	if network != "tcp" || ap.Port() != 25 {
		f.t.Errorf("dialled %s %s", network, address)
	}
	if !ok {
		return nil, refused
	}
	end := ctx.Done()
	if host.deaf {
		end = nil
	}
	select {
	case <-time.After(host.after):
	case <-end:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
	if host.err != nil {
		return nil, host.err
	}
	f.mu.Lock()
	f.open++
	f.mu.Unlock()
	client, server := net.Pipe()
	server.Close()
	return &countedConn{Conn: client, f: f}, nil
}

type countedConn struct {
	net.Conn
	f    *fakeNet
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() {
		c.f.mu.Lock()
		c.f.open--
		c.f.mu.Unlock()
	})
	return c.Conn.Close()
}

// TestRace_H19 plays races in virtual time.
func TestRace_H19(t *testing.T) {
	ms := time.Millisecond
	silent := fakeHost{after: never}
	live := fakeHost{after: 20 * ms}
	unreachable := fakeHost{err: &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}}
	reset := fakeHost{err: &net.OpError{Op: "dial", Err: syscall.ECONNRESET}}
	cases := []struct {
		name  string
		addrs string
		hosts map[string]fakeHost
		delay time.Duration
		limit time.Duration // 0: a minute
		dials string        // "after address, ..."
		won   string
		fails string
		after time.Duration
		kind  smtp.Kind
	}{
		{name: "one address", addrs: "192.0.2.1", hosts: map[string]fakeHost{"192.0.2.1": live},
			dials: "0s 192.0.2.1", won: "192.0.2.1", after: 20 * ms},
		{name: "the first answers in time", addrs: "192.0.2.1 2001:db8::1", hosts: map[string]fakeHost{"192.0.2.1": {after: 249 * ms}, "2001:db8::1": live},
			dials: "0s 192.0.2.1", won: "192.0.2.1", after: 249 * ms},
		{name: "a black hole first", addrs: "2001:db8::1 192.0.2.1", hosts: map[string]fakeHost{"2001:db8::1": silent, "192.0.2.1": live},
			dials: "0s 2001:db8::1, 250ms 192.0.2.1", won: "192.0.2.1", after: 270 * ms},
		{name: "slow, but the first all the same", addrs: "2001:db8::1 192.0.2.1", hosts: map[string]fakeHost{"2001:db8::1": {after: 260 * ms}, "192.0.2.1": live},
			dials: "0s 2001:db8::1, 250ms 192.0.2.1", won: "2001:db8::1", after: 260 * ms},
		{name: "refused ones cost no wait", addrs: "192.0.2.1 2001:db8::1 192.0.2.2 2001:db8::2", hosts: map[string]fakeHost{"2001:db8::2": live},
			dials: "0s 192.0.2.1, 0s 2001:db8::1, 0s 192.0.2.2, 0s 2001:db8::2", won: "2001:db8::2", fails: "192.0.2.1 2001:db8::1 192.0.2.2", after: 20 * ms},
		{name: "three silent ones cost three waits", addrs: "192.0.2.1 2001:db8::1 192.0.2.2 2001:db8::2",
			hosts: map[string]fakeHost{"192.0.2.1": silent, "2001:db8::1": silent, "192.0.2.2": silent, "2001:db8::2": live},
			dials: "0s 192.0.2.1, 250ms 2001:db8::1, 500ms 192.0.2.2, 750ms 2001:db8::2", won: "2001:db8::2", after: 770 * ms},
		{name: "a failure starts the next and its wait anew", addrs: "192.0.2.1 192.0.2.2 192.0.2.3",
			hosts: map[string]fakeHost{"192.0.2.1": {after: 100 * ms, err: refused}, "192.0.2.2": silent, "192.0.2.3": live},
			dials: "0s 192.0.2.1, 100ms 192.0.2.2, 350ms 192.0.2.3", won: "192.0.2.3", fails: "192.0.2.1", after: 370 * ms},
		{name: "a delay of its own", addrs: "192.0.2.1 192.0.2.2", hosts: map[string]fakeHost{"192.0.2.1": silent, "192.0.2.2": live}, delay: 40 * ms,
			dials: "0s 192.0.2.1, 40ms 192.0.2.2", won: "192.0.2.2", after: 60 * ms},
		{name: "under 0: only after a failure", addrs: "192.0.2.1 192.0.2.2 192.0.2.3", delay: -1,
			hosts: map[string]fakeHost{"192.0.2.1": {after: 9 * time.Second, err: refused}, "192.0.2.2": {after: 9 * time.Second}, "192.0.2.3": live},
			dials: "0s 192.0.2.1, 9s 192.0.2.2", won: "192.0.2.2", fails: "192.0.2.1", after: 18 * time.Second},
		{name: "a winner that comes late is closed", addrs: "192.0.2.1 192.0.2.2",
			hosts: map[string]fakeHost{"192.0.2.1": {after: 300 * ms, deaf: true}, "192.0.2.2": live},
			dials: "0s 192.0.2.1, 250ms 192.0.2.2", won: "192.0.2.2", after: 300 * ms},
		{name: "all refused", addrs: "192.0.2.1 2001:db8::1", dials: "0s 192.0.2.1, 0s 2001:db8::1", kind: smtp.KindRefused},
		{name: "one refused", addrs: "192.0.2.1", dials: "0s 192.0.2.1", kind: smtp.KindRefused},
		{name: "unreachable, then refused", addrs: "2001:db8::1 192.0.2.1", hosts: map[string]fakeHost{"2001:db8::1": unreachable},
			dials: "0s 2001:db8::1, 0s 192.0.2.1", kind: smtp.KindUnreachable},
		{name: "reset", addrs: "192.0.2.1", hosts: map[string]fakeHost{"192.0.2.1": reset}, dials: "0s 192.0.2.1", kind: smtp.KindLost},
		{name: "all silent", addrs: "192.0.2.1 2001:db8::1", hosts: map[string]fakeHost{"192.0.2.1": silent, "2001:db8::1": silent}, limit: 30 * time.Second,
			dials: "0s 192.0.2.1, 250ms 2001:db8::1", kind: smtp.KindTimeout, after: 30 * time.Second},
		{name: "one silent", addrs: "192.0.2.1", hosts: map[string]fakeHost{"192.0.2.1": silent}, limit: 30 * time.Second,
			dials: "0s 192.0.2.1", kind: smtp.KindTimeout, after: 30 * time.Second},
		{name: "one refused, one silent", addrs: "192.0.2.1 2001:db8::1", hosts: map[string]fakeHost{"2001:db8::1": silent}, limit: 30 * time.Second,
			dials: "0s 192.0.2.1, 0s 2001:db8::1", kind: smtp.KindTimeout, after: 30 * time.Second},
		{name: "none", addrs: "", kind: smtp.KindNoAddress},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeNet{t: t, hosts: c.hosts}
				limit := c.limit
				if limit == 0 {
					limit = time.Minute
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				begun := time.Now()
				got, err := Race{Dialer: f, Port: 25, Delay: c.delay}.Dial(ctx, Literal(addrs(c.addrs)...))
				if d := time.Since(begun); d != c.after {
					t.Errorf("after %v, want %v", d, c.after)
				}
				f.wantJoined(err == nil)
				if dials := strings.Join(f.dialled, ", "); dials != c.dials || got.Dials != len(f.dialled) {
					t.Errorf("dials %q (counted %d), want %q", dials, got.Dials, c.dials)
				}
				if c.kind != 0 {
					wantKind(t, err, c.kind)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				got.Conn.Close()
				if got.Addr.String() != c.won || !slices.Equal(got.Failed, addrs(c.fails)) {
					t.Errorf("won %v, failed %v; want %v, %v", got.Addr, got.Failed, c.won, c.fails)
				}
			})
		})
	}
}

// wantJoined fails if a dial is still under way, or more than the winner open.
func (f *fakeNet) wantJoined(won bool) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	want := 0
	if won {
		want = 1
	}
	if f.flying != 0 || f.open != want {
		f.t.Errorf("%d dials under way, %d connections open, want 0 and %d", f.flying, f.open, want)
	}
}

func TestRace_CancelInTheMiddleReturnsAtOnce(t *testing.T) {
	stop := errors.New("enough")
	for _, list := range []string{"192.0.2.1", "192.0.2.1 2001:db8::1 192.0.2.2"} {
		synctest.Test(t, func(t *testing.T) {
			silent := fakeHost{after: never}
			f := &fakeNet{t: t, hosts: map[string]fakeHost{"192.0.2.1": silent, "2001:db8::1": silent, "192.0.2.2": silent}}
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(400*time.Millisecond, func() { cancel(stop) })
			begun := time.Now()
			_, err := Race{Dialer: f, Port: 25}.Dial(ctx, Literal(addrs(list)...))
			if d := time.Since(begun); d != 400*time.Millisecond {
				t.Errorf("after %v", d)
			}
			if e := wantKind(t, err, smtp.KindCanceled); !errors.Is(e, stop) {
				t.Error(e)
			}
			f.wantJoined(false)
		})
	}
}

func TestRace_C19_TheSlowFamilyJoinsLate(t *testing.T) {
	ms := time.Millisecond
	silent, live := fakeHost{after: never}, fakeHost{after: 20 * ms}
	cases := []struct {
		name   string
		v4, v6 scripted
		hosts  map[string]fakeHost
		dials  string
		won    string
		after  time.Duration
		kind   smtp.Kind
	}{
		{"it waits for its turn", scripted{addrs: addrs("192.0.2.1")}, scripted{after: 100 * ms, addrs: addrs("2001:db8::1")},
			map[string]fakeHost{"192.0.2.1": silent, "2001:db8::1": live}, "0s 192.0.2.1, 250ms 2001:db8::1", "2001:db8::1", 270 * ms, 0},
		{"its turn was before it came", scripted{addrs: addrs("192.0.2.1")}, scripted{after: 450 * ms, addrs: addrs("2001:db8::1 2001:db8::2")},
			map[string]fakeHost{"192.0.2.1": silent, "2001:db8::1": silent, "2001:db8::2": live}, "0s 192.0.2.1, 400ms 2001:db8::1, 650ms 2001:db8::2", "2001:db8::2", 670 * ms, 0},
		{"the others had failed", scripted{addrs: addrs("192.0.2.1 192.0.2.2")}, scripted{after: 450 * ms, addrs: addrs("2001:db8::1")},
			map[string]fakeHost{"2001:db8::1": live}, "0s 192.0.2.1, 0s 192.0.2.2, 400ms 2001:db8::1", "2001:db8::1", 420 * ms, 0},
		{"it goes before those not yet dialled", scripted{after: 100 * ms, addrs: addrs("192.0.2.1 192.0.2.2")}, scripted{addrs: addrs("2001:db8::1 2001:db8::2")},
			map[string]fakeHost{"2001:db8::1": silent, "2001:db8::2": silent, "192.0.2.1": live, "192.0.2.2": live}, "0s 2001:db8::1, 250ms 192.0.2.1", "192.0.2.1", 270 * ms, 0},
		{"it fails", scripted{addrs: addrs("192.0.2.1")}, scripted{after: 450 * ms, err: tryAgain}, nil, "0s 192.0.2.1", "", 400 * ms, smtp.KindRefused},
		{"it comes after the winner", scripted{addrs: addrs("192.0.2.1")}, scripted{after: 450 * ms, addrs: addrs("2001:db8::1")},
			map[string]fakeHost{"192.0.2.1": live}, "0s 192.0.2.1", "192.0.2.1", 20 * ms, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, err := Resolve(t.Context(), &script{v4: c.v4, v6: c.v6}, "mx.example", false, time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				defer a.Close()
				f := &fakeNet{t: t, hosts: c.hosts}
				begun := time.Now() // 50 ms after the first answer
				got, err := Race{Dialer: f, Port: 25}.Dial(t.Context(), a)
				if d := time.Since(begun); d != c.after {
					t.Errorf("after %v, want %v", d, c.after)
				}
				f.wantJoined(err == nil)
				if dials := strings.Join(f.dialled, ", "); dials != c.dials {
					t.Errorf("dials %q, want %q", dials, c.dials)
				}
				if c.kind != 0 {
					wantKind(t, err, c.kind)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				got.Conn.Close()
				if got.Addr.String() != c.won {
					t.Errorf("won %v, want %v", got.Addr, c.won)
				}
			})
		})
	}
}

func TestRace_AFamilyThatNeverComesDoesNotEndIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := Literal(addrs("192.0.2.1")...)
		a.late = make(chan answer)
		f := &fakeNet{t: t, hosts: map[string]fakeHost{"192.0.2.1": {after: time.Minute}}}
		got, err := Race{Dialer: f, Port: 25}.Dial(t.Context(), a)
		if err != nil || got.Dials != 1 {
			t.Fatal(got, err)
		}
		got.Conn.Close()
	})
}

func TestRace_RealSockets(t *testing.T) {
	addr := netip.MustParseAddrPort(listen(t, func(c net.Conn) { c.Write([]byte("220 hi\r\n")) }))
	// 127.0.0.2 to 127.0.0.4 refuse: nobody listens there on this port.
	a := Literal(append(addrs("127.0.0.2 127.0.0.3 127.0.0.4"), addr.Addr())...)
	got, err := Race{Dialer: DefaultDialer(), Port: addr.Port()}.Dial(t.Context(), a)
	if err != nil {
		t.Skipf("this system has one loopback address only: %v", err)
	}
	defer got.Conn.Close()
	if got.Addr != addr.Addr() {
		t.Errorf("won %v", got.Addr)
	}

	_, err = Race{Dialer: DefaultDialer(), Port: 1}.Dial(t.Context(), Literal(addr.Addr()))
	wantKind(t, err, smtp.KindRefused)
	_, err = Race{Dialer: DefaultDialer(), Port: 1}.Dial(t.Context(), Literal(addrs("127.0.0.1 127.0.0.2")...))
	e := wantKind(t, err, smtp.KindRefused)
	if strings.Count(e.Error(), "127.0.0.") < 2 {
		t.Errorf("%v names not all addresses", e)
	}
}

// stubborn panics with itself, also when it is printed.
type stubborn struct{}

func (s stubborn) Error() string { panic(s) }

// A Dialer that panics fails its dial and nothing else, alone and in a race,
// whatever it panics with.
func TestRace_APanicOfADialerIsItsError(t *testing.T) {
	for _, addrs := range [][]netip.Addr{{netip.MustParseAddr("192.0.2.1")}, {netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}} {
		for _, value := range []any{"boom", stubborn{}} {
			race := Race{Port: 25, Dialer: dialerFunc(func(context.Context, string, string) (net.Conn, error) { panic(value) })}
			_, err := race.Dial(t.Context(), Literal(addrs...))
			if why, ok := errors.AsType[*smtp.PanicError](err); !ok || !errors.Is(err, smtp.ErrPanic) || why.Where != "Dialer" || len(why.Stack) == 0 {
				t.Errorf("%d addresses: %v", len(addrs), err)
			}
		}
	}
}

func TestRace_ADialerThatEndsItsGoroutineFails(t *testing.T) {
	race := Race{Port: 25, Dialer: dialerFunc(func(context.Context, string, string) (net.Conn, error) { runtime.Goexit(); return nil, nil })}
	_, err := race.Dial(t.Context(), Literal(addrs("192.0.2.1 192.0.2.2")...))
	if why, ok := errors.AsType[*smtp.PanicError](err); !ok || why.Where != "Dialer" || !strings.Contains(err.Error(), "Goexit") {
		t.Errorf("%v", err)
	}
}
