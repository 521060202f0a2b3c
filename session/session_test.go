package session

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestConnect_C1_GoesToReadyAndRefusesASecondConnect(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	s := newSession(t, Config{HostName: srv.Host(), RemotePort: srv.Port(), Options: Extended})
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.State() != fsm.Ready || !s.Extended() {
		t.Errorf("state %v, extended %v", s.State(), s.Extended())
	}
	for name, again := range map[string]func(context.Context, ...ConnectOption) error{"Connect": s.Connect, "Start": s.Start} {
		if err := again(t.Context()); !errors.Is(err, smtp.ErrConnected) || smtp.Code(err) != 10056 {
			t.Errorf("a second %s: %v", name, err)
		}
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Errorf("the session was hurt: %v", err)
	}
	_ = s.Disconnect(t.Context())
	all := evs()
	checkLife(t, all)
	if slices.Contains(kindsOf(all), events.KindError) {
		t.Error("ErrConnected is no event")
	}
	if got := srv.Commands(); len(got) != 3 || !strings.HasPrefix(got[0], "EHLO ") || got[1] != "NOOP" || got[2] != "QUIT" {
		t.Errorf("commands %q", got)
	}
}

func TestConnect_C1_RefusedDuringBackOff(t *testing.T) {
	bubble(t, "backoff", func(t *testing.T) {
		s := newSession(t, Config{HostName: "192.0.2.1", Dialer: dialFunc(func(context.Context, string, string) (net.Conn, error) {
			return nil, refusedError()
		})})
		evs, _ := s.Subscribe(events.Filter{Kinds: events.MaskOf(events.KindRetry)})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-evs // the state
		<-evs // OnRetry
		if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrConnected) {
			t.Errorf("Connect in back-off: %v", err)
		}
		<-s.Done()
		if e := asError(s.Err()); e.Kind != smtp.KindRefused {
			t.Errorf("the life was hurt: %v", e)
		}
	})
}

func TestConnect_C8_ExtendedReadsFalseWithoutEHLO(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	if s := linked(t, Config{HostName: srv.Host(), RemotePort: srv.Port()}); s.Extended() {
		t.Error("Extended after HELO")
	}
	old := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Say("502 5.5.1 what?")}})
	if s := linked(t, Config{HostName: old.Host(), RemotePort: old.Port(), Extended: true}); s.Extended() {
		t.Error("Extended with a server that knows no EHLO")
	}
}

func TestConnect_C22_AFailedConnectLeavesNothingAndMayBeRepeated(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{
		"GREETING": smtptest.Sequence(smtptest.Say("554 5.7.1 not you"), smtptest.Usual())}})
	s := newSession(t, reach(srv, Extended))
	err := s.Connect(t.Context())
	e := asError(err)
	if e.Kind != smtp.KindReply || e.Phase != "greeting" || smtp.Code(err) != 554 || e.Reply.Text != "5.7.1 not you" {
		t.Fatalf("%v", err)
	}
	if s.State() != fsm.Closed || !errors.Is(s.Err(), smtp.ErrReply) {
		t.Errorf("state %v, Err %v", s.State(), s.Err())
	}
	select {
	case <-s.Done():
	default:
		t.Error("Done is open between lives")
	}
	if err := s.Connect(t.Context()); err != nil {
		t.Fatalf("again: %v", err)
	}
	if s.Err() != nil {
		t.Errorf("Err while Done is open: %v", s.Err())
	}
	_ = s.Close()
	<-s.Done()
	if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	allClosed(t, srv)
}

func TestConnect_C23_StartReturnsAndItsContextHoldsUntilReady(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	s := newSession(t, reach(srv, Extended))
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Noop(t.Context()); err != nil {
		t.Errorf("the context's end hurt a ready session: %v", err)
	}
	if err := newSession(t, Config{}).Start(t.Context()); !errors.Is(err, smtp.ErrInvalid) {
		t.Errorf("an invalid argument: %v", err)
	}
	bubble(t, "ends it before", func(t *testing.T) {
		silent := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Silence()}})
		s := newSession(t, Config{HostName: "192.0.2.1", Dialer: silent})
		ctx, cancel := context.WithCancelCause(t.Context())
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
		why := errors.New("the user went home")
		cancel(why)
		<-s.Done()
		if !errors.Is(s.Err(), smtp.ErrCanceled) || !errors.Is(s.Err(), context.Canceled) || !errors.Is(s.Err(), why) {
			t.Errorf("%v", s.Err())
		}
	})
}

func TestConnect_C24_OneOutcome(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	s := newSession(t, reach(srv, Extended))
	ch, stop := s.Subscribe(events.Filter{Kinds: events.MaskOf(events.KindConnect)})
	defer stop()
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-ch // the state
	select {
	case e := <-ch:
		if e.Kind() != events.KindConnect {
			t.Errorf("%v", e.Kind())
		}
	default:
		t.Error("OnConnect is not there when Connect returns")
	}
	for name, row := range map[string]struct {
		deadline bool
		want     []events.Kind
		code     int
	}{
		"timeout": {false, []events.Kind{events.KindResolve, events.KindDial, events.KindTimeout, events.KindDisconnect, events.KindError}, 10060},
		"cancel":  {true, []events.Kind{events.KindResolve, events.KindDial, events.KindCancel, events.KindDisconnect, events.KindError}, 10004},
	} {
		bubble(t, name, func(t *testing.T) {
			silent := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Silence()}})
			s := newSession(t, Config{HostName: "192.0.2.1", Dialer: silent})
			evs := record(t, s)
			ctx := t.Context()
			if row.deadline {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Second)
				defer cancel()
			}
			err := s.Connect(ctx, WithTimeout(time.Minute))
			if smtp.Code(err) != row.code || !asError(err).Timeout() {
				t.Errorf("%v", err)
			}
			all := evs()
			checkLife(t, all)
			if got := kindsOf(all); !slices.Equal(got, row.want) {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
}

func TestConnect_C25_CancelClosesTheSocketAtOnce(t *testing.T) {
	bubble(t, "greeting", func(t *testing.T) {
		silent := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Silence()}})
		s := newSession(t, Config{HostName: "192.0.2.1", Dialer: silent})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		if err := s.Connect(ctx); !errors.Is(err, smtp.ErrCanceled) || time.Since(begun) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		allClosed(t, silent)
	})
}
