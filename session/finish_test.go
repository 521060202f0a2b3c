package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// deserter ends its goroutine the first time that it is called at a moment, as a
// t.Fatal in a hook does.
type deserter struct {
	everyHook
	moment string
	left   int // times that it still does
}

func newDeserter(moment string) *deserter {
	d := &deserter{moment: moment, left: 1}
	d.everyHook = everyHook{open: new([]string), at: func(_ context.Context, now string) { d.desert(now) }}
	return d
}

func (d *deserter) desert(now string) {
	if now == d.moment && d.left > 0 {
		d.left--
		runtime.Goexit()
	}
}

func (d *deserter) LifeOver(context.Context, events.LifeOver) { d.desert("LifeOver") }

func (d *deserter) EventsMissed(context.Context, uint64) { d.desert("EventsMissed") }

// H23: a hook that ends the goroutine while a life is ending keeps nothing open:
// the last event comes, channels and Done are closed, and another life may begin.
func TestHostile_H23_GoexitWhileALifeEnds(t *testing.T) {
	for _, moment := range []string{"CommandEnd QUIT", "OnStateChange closed", "LifeOver", "OnDisconnect", "EventsMissed", "LifeEnd", "invalid: LifeStart",
		"invalid: ConnectStart", "invalid: ConnectEnd", "invalid: OnError", "invalid: LifeEnd"} {
		bubble(t, moment, func(t *testing.T) {
			srv := memory(t, smtptest.Config{})
			at, invalid := strings.CutPrefix(moment, "invalid: ")
			hub := new(events.Hub)
			c := place{options: Extended}.config(srv)
			c.Hub, c.Hooks = hub, []events.Hook{newDeserter(at)}
			s := newSession(t, c)
			ofHub, cancel := hub.Subscribe(events.Filter{})
			defer cancel()
			last := func(ch <-chan events.Event) (last events.Event) {
				for e := range ch {
					last = e
				}
				return last
			}
			all, _ := s.Subscribe(events.Filter{Buffer: 100})
			few, _ := s.Subscribe(events.Filter{Buffer: 6, Kinds: events.MaskOf(events.KindStateChange)}) // misses the last one, closed
			go func() {                                                                                   // it may be this goroutine that ends
				if invalid {
					_ = s.Connect(t.Context(), WithRemotePort(-1))
				} else if s.Connect(t.Context()) == nil {
					_ = s.Disconnect(t.Context())
				}
			}()
			want := events.KindDisconnect
			if invalid {
				want = events.KindError
			}
			for _, ch := range []<-chan events.Event{all, few} {
				if e := last(ch); e == nil || e.Kind() != want {
					t.Errorf("the last event is %v", e)
				}
			}
			synctest.Wait()
			<-s.Done()
			if err := s.Err(); err == nil {
				t.Error("no error of a life that is over")
			}
			if err := s.Connect(t.Context()); err != nil {
				t.Errorf("another life: %v", err)
			}
			if err := s.Disconnect(t.Context()); err != nil {
				t.Error(err)
			}
			hub.Close()
			ends := 0
			for e := range ofHub {
				if k := e.Kind(); k == want || k == events.KindDisconnect {
					ends++
				}
			}
			if ends != 2 {
				t.Errorf("the hub tells the end of %d lives", ends)
			}
			allClosed(t, srv)
		})
	}
}

// foreign is an error of the program's, with methods that do something.
type foreign struct{ is func() }

func (foreign) Error() string { return "foreign" }

func (f foreign) Is(error) bool {
	f.is()
	return false
}

func (f foreign) As(any) bool {
	f.is()
	return false
}

func (f foreign) Unwrap() error {
	f.is()
	return nil
}

// A panic in a method of a foreign error ends the life as any panic does, and
// nothing more than the life, whenever that method is called.
func TestHostile_H23_AnErrorThatPanicsEndsTheLifeAlone(t *testing.T) {
	live := func(t *testing.T, lost bool, calls int) (asked int) {
		bubble(t, fmt.Sprint("lost ", lost, " call ", calls), func(t *testing.T) {
			srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"NOOP": smtptest.Close()}})
			why := foreign{func() {
				if asked++; asked == calls {
					panic("boom")
				}
			}}
			c := place{options: Extended}.config(srv)
			c.Retry = Retry{MaxAttempts: 1}
			c.Dialer = dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
				if !lost {
					return nil, why
				}
				conn, err := srv.DialContext(ctx, network, address)
				return failing{conn, why}, err
			})
			s := newSession(t, c)
			ch, _ := s.Subscribe(events.Filter{})
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.Wait(t.Context()) == nil {
				_ = s.Noop(t.Context())
			}
			var last events.Kind
			for e := range ch {
				last = e.Kind()
			}
			<-s.Done()
			if want := map[bool]events.Kind{false: events.KindError, true: events.KindDisconnect}[lost]; last != want {
				t.Errorf("the last event is %v", last)
			}
		})
		return asked
	}
	for _, lost := range []bool{false, true} {
		all := live(t, lost, 0)
		if all < 2 {
			t.Fatalf("lost %v: asked %d times", lost, all)
		}
		for call := range all {
			live(t, lost, call+1)
		}
	}
}

// A method of a foreign error may use the session and the hub that tell of it.
func TestSubscribe_AnErrorMaySubscribe(t *testing.T) {
	bubble(t, "lost", func(t *testing.T) {
		srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"NOOP": smtptest.Close()}})
		hub := new(events.Hub)
		c := place{options: Extended}.config(srv)
		var s *Session
		c.Hub = hub
		c.Dialer = dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := srv.DialContext(ctx, network, address)
			return failing{conn, foreign{func() {
				_, cancel := hub.Subscribe(events.Filter{})
				cancel()
				_, cancel = s.Subscribe(events.Filter{})
				cancel()
			}}}, err
		})
		s = newSession(t, c)
		_, cancel := hub.Subscribe(events.Filter{})
		defer cancel()
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Noop(t.Context()); err == nil {
			t.Error("NOOP on a lost connection")
		}
		<-s.Done()
	})
}

// failing replaces the error of a Read.
type failing struct {
	net.Conn
	err error
}

func (f failing) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if err != nil {
		err = errors.Join(err, f.err)
	}
	return n, err
}

// A dialer may use another session with the context it got, also while a DialVeto
// is being asked about an address that DNS told late.
func TestDial_TheContextOfADialerIsNotThatOfAHook(t *testing.T) {
	bubble(t, "late", func(t *testing.T) {
		srv := memory(t, smtptest.Config{})
		inner := newSession(t, place{options: Extended}.config(srv))
		asking, dialled := make(chan struct{}), make(chan struct{})
		c := Config{HostName: "outer.test", LocalName: "x.test", Retry: Retry{MaxAttempts: 1}, Hooks: []events.Hook{vetoFunc(func(t events.Target) {
			if t.Addr.Is6() {
				close(asking)
				<-dialled
			}
		})}}
		c.Resolver = lookUpFunc(func(_ context.Context, network, _ string) ([]netip.Addr, error) {
			if network == "ip6" {
				<-time.After(100 * time.Millisecond)
				return []netip.Addr{netip.MustParseAddr("2001:db8::1")}, nil
			}
			return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
		})
		var within error
		c.Dialer = dialFunc(func(ctx context.Context, _, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "192.0.2.1:") {
				<-asking
				within = inner.Connect(ctx)
				close(dialled)
			}
			return nil, errors.New("enough")
		})
		if err := newSession(t, c).Connect(t.Context()); err == nil {
			t.Error("connected")
		}
		if within != nil {
			t.Errorf("the session within: %v", within)
		}
	})
}

type vetoFunc func(events.Target)

func (f vetoFunc) BeforeDial(_ context.Context, t events.Target) error {
	f(t)
	return nil
}

// A panic in the steps themselves leaves nobody waiting, and is told.
func TestFinish_APanicInAStepIsTheError(t *testing.T) {
	s := newSession(t, Config{})
	s.life.began = true
	a := newActor(s, s.life, plan{}, t.Context())
	func() {
		defer a.over(&ending{})
		panic("boom")
	}()
	<-s.Done()
	if err := s.Err(); !errors.Is(err, smtp.ErrPanic) || s.life.connectErr == nil {
		t.Errorf("%v, Connect returns %v", err, s.life.connectErr)
	}
}
